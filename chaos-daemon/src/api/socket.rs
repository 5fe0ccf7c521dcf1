//! The API's socket.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use nix::sys::stat::{Mode, umask};
use nix::unistd::Group;
use tokio::net::UnixListener;

use crate::config::DaemonConfig;
use crate::daemon::StartError;

/// Opens the API's socket: for root, and for the configured group.
///
/// # Errors
/// [`StartError::File`], [`StartError::NoGroup`].
pub fn listen(config: &DaemonConfig) -> Result<UnixListener, StartError> {
    let path = &config.socket;
    // Whoever holds the daemon's lock is alone: what is there is a dead daemon's.
    let _ = std::fs::remove_file(path);
    let others = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(others);
    let listener = listener.map_err(StartError::file("listen on", path))?;
    share(path, config.group.as_deref())?;
    Ok(listener)
}

/// Lets the members of `group` use the socket at `path`, or root alone.
///
/// # Errors
/// [`StartError::File`], [`StartError::NoGroup`]; the socket is as before.
pub fn share(path: &Path, group: Option<&str>) -> Result<(), StartError> {
    let Some(group) = group else {
        let mode = PermissionsExt::from_mode(0o600);
        return std::fs::set_permissions(path, mode).map_err(StartError::file("close", path));
    };
    let found = Group::from_name(group).ok().flatten();
    let gid = found.ok_or_else(|| StartError::NoGroup(group.to_owned()))?.gid;
    chown(path, None, Some(gid.as_raw())).map_err(StartError::file("give away", path))?;
    let mode = PermissionsExt::from_mode(0o660);
    std::fs::set_permissions(path, mode).map_err(StartError::file("share", path))
}
