//! The API's socket.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group};
use tokio::net::UnixListener;

use super::Access;
use crate::config::DaemonConfig;
use crate::daemon::StartError;

/// Opens the API's socket: for root, and for the configured groups.
///
/// # Errors
/// [`StartError::File`], [`StartError::NoGroup`].
pub fn listen(config: &DaemonConfig) -> Result<(UnixListener, Access), StartError> {
    let path = &config.socket;
    // Whoever holds the daemon's lock is alone: what is there is a dead daemon's.
    let _ = std::fs::remove_file(path);
    let others = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(others);
    let listener = listener.map_err(StartError::file("listen on", path))?;
    let access = share(path, config)?;
    Ok((listener, access))
}

/// Lets those use the socket at `path` whom `config` names; answers who they are.
///
/// # Errors
/// [`StartError::File`], [`StartError::NoGroup`]; the socket is as before.
pub fn share(path: &Path, config: &DaemonConfig) -> Result<Access, StartError> {
    let group = config.group.as_deref().map(gid).transpose()?;
    let readers = config.readers.as_deref().map(gid).transpose()?;
    let mode = match (group, readers) {
        (None, None) => 0o600,
        (Some(_), None) => 0o660,
        // A file has one group: whoever connects is looked at.
        (_, Some(_)) => 0o666,
    };
    chown(path, None, group.map(Gid::as_raw)).map_err(StartError::file("give away", path))?;
    let mode = PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(StartError::file("share", path))?;
    Ok(Access { group, readers })
}

fn gid(group: &str) -> Result<Gid, StartError> {
    let found = Group::from_name(group).ok().flatten();
    found.map(|group| group.gid).ok_or_else(|| StartError::NoGroup(group.to_owned()))
}
