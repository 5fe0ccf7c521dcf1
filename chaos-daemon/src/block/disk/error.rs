//! Why a disk cannot be had.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a disk cannot be opened.
#[derive(Debug, Error)]
pub enum DiskError {
    /// The system's answer to opening or examining it.
    #[error("cannot open disk {}: {source}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory, a socket, a terminal.
    #[error("{} is neither a file nor a block device", path.display())]
    NotADisk {
        /// Where.
        path: PathBuf,
    },
    /// Smaller than one block.
    #[error("disk {} is empty: give it a size, for example with `truncate -s 1G`", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// Another guest or program has it, and one of the two wants to write.
    #[error(
        "disk {} is in use: a disk that is written belongs to one guest; attach it read-only to share it",
        path.display()
    )]
    InUse {
        /// Where.
        path: PathBuf,
    },
}

impl DiskError {
    /// The error of an `open` call that failed.
    pub(super) fn opening(path: &Path, source: io::Error) -> DiskError {
        let path = path.to_owned();
        match source.raw_os_error() {
            Some(libc::EBUSY) => DiskError::InUse { path },
            Some(libc::EINVAL) => DiskError::Open { path, source: no_direct_io() },
            _ => DiskError::Open { path, source },
        }
    }
}

/// `EINVAL` from `open` has one meaning here: the file system knows no `O_DIRECT`.
fn no_direct_io() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "its file system has no direct I/O")
}
