//! How many files the daemon may have open: shells, disks and connections take some each.

use std::io;

/// Raises the limit as far as the system lets it.
///
/// # Errors
/// Those of `getrlimit(2)` and `setrlimit(2)`.
pub(super) fn raise() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`, which `limit` is and outlives the call.
    let answer = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads one `rlimit`, which `limit` is and outlives the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
