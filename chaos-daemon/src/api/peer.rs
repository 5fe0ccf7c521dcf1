//! Who is at the other end of a connection, and what they may do.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use axum::http::Method;
use lightvm::api::ErrorCode;
use nix::unistd::{Gid, Uid};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::places::Place;
use super::{Answer, ApiError};

/// Who may do what. Root, and whoever the daemon runs as, may do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access {
    /// Members may do everything.
    pub group: Option<Gid>,
    /// Members may look.
    pub readers: Option<Gid>,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Everything.
    All,
    /// Look.
    Read,
    /// Nothing.
    None,
}

/// A client.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    right: Right,
    uid: Uid,
    /// Held as long as the client uses the connection, whatever for.
    _place: Arc<Place>,
    ending: watch::Receiver<bool>,
}

/// The processes' credentials when it connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) uid: Uid,
    /// Its group and its supplementary groups.
    pub(super) groups: Vec<Gid>,
    /// 0 where it is not of this PID namespace.
    pub(super) pid: i32,
}

impl Access {
    /// What somebody may do.
    pub(super) fn right(&self, who: &Credentials) -> Right {
        let member = |group: Option<Gid>| group.is_some_and(|group| who.groups.contains(&group));
        if who.uid.is_root() || who.uid == nix::unistd::geteuid() || member(self.group) {
            Right::All
        } else if member(self.readers) {
            Right::Read
        } else {
            Right::None
        }
    }
}

impl Peer {
    pub(super) fn new(right: Right, uid: Uid, place: Place, ending: watch::Receiver<bool>) -> Peer {
        Peer { right, uid, _place: Arc::new(place), ending }
    }

    /// Waits for the daemon's end.
    pub(super) async fn ending(&mut self) {
        super::server::ends(&mut self.ending).await;
    }

    /// Whether it may make a request of this kind.
    pub(super) fn may(&self, method: &Method) -> Answer<()> {
        let looks = matches!(*method, Method::GET | Method::HEAD);
        match self.right {
            Right::All => Ok(()),
            Right::Read if looks => Ok(()),
            Right::Read => Err(self.refuse("may look and change nothing")),
            Right::None => Err(self.refuse("may not use this socket")),
        }
    }

    /// Whether it may write to guests' consoles.
    pub(super) fn may_write(&self) -> Answer<()> {
        self.may(&Method::POST)
    }

    fn refuse(&self, what: &str) -> ApiError {
        let why = format!("user {} {what}", self.uid);
        ApiError::new(ErrorCode::Forbidden, why)
            .hint("`group` and `readers` in chaosd's configuration say who may")
    }
}

impl Credentials {
    /// Those of the process that connected.
    pub(super) fn of(stream: &UnixStream) -> io::Result<Credentials> {
        let who = stream.peer_cred()?;
        let (uid, gid) = (Uid::from_raw(who.uid()), Gid::from_raw(who.gid()));
        let mut groups = vec![gid];
        // Root needs no group.
        if !uid.is_root() {
            groups.extend(peer_groups(stream.as_fd())?);
        }
        Ok(Credentials { uid, groups, pid: who.pid().unwrap_or(0) })
    }
}

/// The most supplementary groups of a process: Linux' `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65536;

/// Supplementary groups of the process that connected (`SO_PEERGROUPS` in unix(7), since Linux
/// 4.13).
fn peer_groups(socket: impl AsFd) -> io::Result<Vec<Gid>> {
    let mut room = 64;
    loop {
        let mut groups: Vec<libc::gid_t> = vec![0; room];
        let bytes = room * size_of::<libc::gid_t>();
        let mut length = libc::socklen_t::try_from(bytes).unwrap_or(libc::socklen_t::MAX);
        // SAFETY: the socket is borrowed, so open; `groups` has room for `length` bytes, which the
        // kernel does not exceed, and any bytes are a gid_t. `length` outlives the call.
        let answer = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if answer == 0 {
            groups.truncate(length as usize / size_of::<libc::gid_t>());
            return Ok(groups.into_iter().map(Gid::from_raw).collect());
        }
        let e = io::Error::last_os_error();
        if e.raw_os_error() != Some(libc::ERANGE) || room >= MAX_GROUPS {
            return Err(e);
        }
        room = MAX_GROUPS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_a_group_may_all_and_readers_may_look() {
        let (group, readers) = (Some(Gid::from_raw(7)), Some(Gid::from_raw(8)));
        let access = Access { group, readers };
        let right = |access: &Access, uid: u32, groups: &[u32]| {
            let groups = groups.iter().copied().map(Gid::from_raw).collect();
            access.right(&Credentials { uid: Uid::from_raw(uid), groups, pid: 1 })
        };
        assert_eq!(right(&Access::default(), 0, &[5]), Right::All);
        assert_eq!(right(&access, 4_000_000, &[1, 7]), Right::All);
        assert_eq!(right(&access, 4_000_000, &[8, 7]), Right::All);
        assert_eq!(right(&access, 4_000_000, &[1, 8]), Right::Read);
        assert_eq!(right(&access, 4_000_000, &[1]), Right::None);
        assert_eq!(right(&Access::default(), 4_000_000, &[7, 8]), Right::None);
    }

    #[tokio::test]
    async fn the_groups_of_a_process_are_told_by_the_kernel() {
        let (here, _there) = UnixStream::pair().unwrap();
        let mut told = peer_groups(here.as_fd()).unwrap();
        let mut own = nix::unistd::getgroups().unwrap();
        told.sort_by_key(|gid| gid.as_raw());
        own.sort_by_key(|gid| gid.as_raw());
        assert_eq!(told, own);
    }
}
