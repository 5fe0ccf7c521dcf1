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
    let group = config.group.as_deref().map(gid).transpose()?;
    let readers = config.readers.as_deref().map(gid).transpose()?;
    // Whoever holds the daemon's lock is alone: what is there is a dead daemon's.
    let _ = std::fs::remove_file(path);
    let others = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(others);
    let listener = listener.map_err(StartError::file("listen on", path))?;
    match (group, readers) {
        (None, None) => {}
        (Some(group), None) => share(path, Some(group), 0o660)?,
        // A file has one group: whoever connects is looked at.
        (group, Some(_)) => share(path, group, 0o666)?,
    }
    Ok((listener, Access { group, readers }))
}

fn gid(group: &str) -> Result<Gid, StartError> {
    let found = Group::from_name(group).ok().flatten();
    found.map(|group| group.gid).ok_or_else(|| StartError::NoGroup(group.to_owned()))
}

/// Lets others connect.
fn share(path: &Path, group: Option<Gid>, mode: u32) -> Result<(), StartError> {
    chown(path, None, group.map(Gid::as_raw)).map_err(StartError::file("give away", path))?;
    let mode = PermissionsExt::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(StartError::file("share", path))
}
