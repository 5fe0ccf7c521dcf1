//! A disk image or block device, opened for one guest or, read-only, for several.

mod change;
mod error;
mod lock;
mod source;
mod view;

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) use change::Change;
use change::Changes;
pub use error::DiskError;
pub use lock::lock;
use source::{Geometry, Residence};
pub(super) use view::View;

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
    /// The guest may give back ranges, if what is behind the disk can.
    pub discard: bool,
    /// The guest is told that it can be taken out.
    pub removable: bool,
}

impl From<&lightvm::config::Disk> for DiskSpec {
    fn from(disk: &lightvm::config::Disk) -> DiskSpec {
        DiskSpec {
            path: disk.path.clone(),
            writable: disk.writable,
            direct: disk.direct_io,
            discard: disk.discard,
            removable: disk.removable,
        }
    }
}

/// An open disk. Its size is what it was when opened. The lock is held until the
/// last reference *and the last I/O* is gone: who gets the lock afterwards knows that
/// no write of a former owner, killed or not, can arrive any more.
#[derive(Debug)]
pub struct Disk {
    file: File,
    /// With direct I/O, the same disk through the page cache, for what is not aligned to its blocks.
    cached: Option<File>,
    spec: DiskSpec,
    geometry: Geometry,
    residence: Residence,
    changes: Changes,
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
        let direct = if spec.direct { libc::O_DIRECT } else { 0 };
        let file = lock::patiently(patience, || {
            let file = open_file(spec, device, direct)?;
            lock(&file, &spec.path, spec.writable)?;
            Ok(file)
        })?;
        let cached = spec.direct.then(|| open_file(spec, false, 0)).transpose()?;
        let geometry = Geometry::of(&file, device).map_err(failed)?;
        if geometry.sectors == 0 {
            return Err(DiskError::Empty { path: spec.path.clone() });
        }
        let residence = Residence::of(&file, device, spec.direct);
        Ok(Disk {
            file,
            cached,
            spec: spec.clone(),
            geometry,
            residence,
            changes: Changes::default(),
        })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.spec.path
    }

    /// Whether guests may write to it.
    pub fn writable(&self) -> bool {
        self.spec.writable
    }

    /// Whether the guest is told that it can be taken out.
    pub fn removable(&self) -> bool {
        self.spec.removable
    }

    /// Size in sectors of 512 bytes; a part of a sector at the end is left out.
    pub fn sectors(&self) -> u64 {
        self.geometry.sectors
    }

    /// Bytes that requests had better be a multiple of and aligned to.
    pub fn physical_block_size(&self) -> u32 {
        self.geometry.physical_block_size
    }

    /// Whether discarding is offered: ranges become holes that read as zeroes.
    pub fn can_discard(&self) -> bool {
        self.spec.writable && self.spec.discard && self.geometry.can_discard
    }

    /// Whether a write or discard is at work, of whatever connection.
    pub(super) fn is_changing(&self) -> bool {
        self.changes.any()
    }

    /// The open file for I/O on this range.
    pub(super) fn file_for(&self, offset: u64, len: usize) -> BorrowedFd<'_> {
        let aligned = (offset | len as u64).is_multiple_of(self.geometry.direct_block.into());
        match &self.cached {
            Some(cached) if !aligned => cached.as_fd(),
            _ => self.file.as_fd(),
        }
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

/// `exclusive` keeps mounts and other such openers from a block device that is written.
fn open_file(spec: &DiskSpec, exclusive: bool, direct: i32) -> Result<File, DiskError> {
    let exclusive = if exclusive && spec.writable { libc::O_EXCL } else { 0 };
    OpenOptions::new()
        .read(true)
        .write(spec.writable)
        .custom_flags(libc::O_CLOEXEC | direct | exclusive)
        .open(&spec.path)
        .map_err(|source| DiskError::opening(&spec.path, source))
}

#[cfg(test)]
mod tests;
