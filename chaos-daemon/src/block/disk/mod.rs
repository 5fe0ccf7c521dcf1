//! A disk image or block device, opened for one guest or, read-only, for several.

mod error;
mod lock;
mod source;

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::DiskError;
use source::{Geometry, Residence};

/// Bytes in a sector, the unit of the block protocol whatever the disk's own.
pub const SECTOR: u64 = 512;

/// Which disk to open, and how.
#[derive(Clone, Debug)]
pub struct DiskSpec {
    /// A raw image or a block device.
    pub path: PathBuf,
    /// The guest may write: nobody else may have the disk open then.
    pub writable: bool,
    /// Go past the host's page cache.
    pub direct: bool,
}

/// An open disk. Its size is what it was when opened. The lock is held until the
/// last reference *and the last I/O* is gone: who gets the lock afterwards knows that
/// no write of a former owner, killed or not, can arrive any more.
#[derive(Debug)]
pub struct Disk {
    file: File,
    path: PathBuf,
    writable: bool,
    direct: bool,
    geometry: Geometry,
    residence: Residence,
}

impl Disk {
    /// Opens and locks a disk. Where another has it locked, waits up to `patience`:
    /// a process that was killed holds its locks until its last I/O is done.
    pub fn open(spec: &DiskSpec, patience: Duration) -> Result<Disk, DiskError> {
        let failed = |source| DiskError::Open { path: spec.path.clone(), source };
        let kind = std::fs::metadata(&spec.path).map_err(failed)?.file_type();
        let device = kind.is_block_device();
        if !device && !kind.is_file() {
            return Err(DiskError::NotADisk { path: spec.path.clone() });
        }
        let file = lock::patiently(patience, || {
            let file = open_file(spec, device)?;
            lock::lock(&file, &spec.path, spec.writable)?;
            Ok(file)
        })?;
        let geometry = Geometry::of(&file, device, spec.direct).map_err(failed)?;
        if geometry.sectors == 0 {
            return Err(DiskError::Empty { path: spec.path.clone() });
        }
        let residence = Residence::of(&file, device, spec.direct);
        let DiskSpec { path, writable, direct } = spec.clone();
        Ok(Disk { file, path, writable, direct, geometry, residence })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether guests may write to it.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// Whether I/O goes past the page cache.
    pub fn direct(&self) -> bool {
        self.direct
    }

    /// Size in sectors of 512 bytes, a multiple of the block size.
    pub fn sectors(&self) -> u64 {
        self.geometry.sectors
    }

    /// Bytes that requests must be a multiple of and aligned to; a power of two, at least 512.
    pub fn block_size(&self) -> u32 {
        self.geometry.block_size
    }

    /// Bytes that requests had better be a multiple of and aligned to.
    pub fn physical_block_size(&self) -> u32 {
        self.geometry.physical_block_size
    }

    /// Whether discarding is offered: ranges become holes that read as zeroes.
    pub fn can_discard(&self) -> bool {
        self.writable && self.geometry.can_discard
    }

    /// Whether I/O only ever moves memory, and so may be done at once.
    pub(super) fn in_memory(&self) -> bool {
        matches!(self.residence, Residence::Memory)
    }

    /// Whether the page cache is in use and may be asked for what it has.
    pub(super) fn cached(&self) -> bool {
        matches!(self.residence, Residence::Cached)
    }
}

impl AsFd for Disk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// `O_EXCL` on a block device that is written keeps out mounts and other such openers.
fn open_file(spec: &DiskSpec, device: bool) -> Result<File, DiskError> {
    let mut flags = libc::O_CLOEXEC;
    if spec.direct {
        flags |= libc::O_DIRECT;
    }
    if device && spec.writable {
        flags |= libc::O_EXCL;
    }
    OpenOptions::new()
        .read(true)
        .write(spec.writable)
        .custom_flags(flags)
        .open(&spec.path)
        .map_err(|source| DiskError::opening(&spec.path, source))
}

#[cfg(test)]
mod tests;
