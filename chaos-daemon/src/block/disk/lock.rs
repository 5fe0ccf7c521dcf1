//! One writer or any number of readers: an "open file description" lock, which
//! belongs to the open file and not to the process, so that two guests of the same
//! daemon exclude each other too.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::DiskError;

const PAUSE: Duration = Duration::from_millis(10);

/// Locks the whole file, to write or to read, for as long as it is open anywhere.
///
/// # Errors
/// [`DiskError::InUse`].
pub fn lock(file: &File, path: &Path, writable: bool) -> Result<(), DiskError> {
    let kind = if writable { libc::F_WRLCK } else { libc::F_RDLCK };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(kind))) {
        Ok(_) => Ok(()),
        Err(Errno::EAGAIN | Errno::EACCES) => Err(DiskError::InUse { path: path.to_owned() }),
        Err(errno) => Err(DiskError::Open { path: path.to_owned(), source: errno.into() }),
    }
}

/// Tries again for up to `patience` while the disk is in use.
pub(super) fn patiently<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    let give_up = Instant::now() + patience;
    loop {
        match attempt() {
            Err(DiskError::InUse { .. }) if Instant::now() < give_up => sleep(PAUSE),
            result => return result,
        }
    }
}

fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).expect("F_RDLCK and F_WRLCK are small"),
        l_whence: i16::try_from(libc::SEEK_SET).expect("SEEK_SET is 0"),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
