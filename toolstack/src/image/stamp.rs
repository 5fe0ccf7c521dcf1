//! Versions of files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Bytes.
    pub len: u64,
    /// When it was written last, where the file system says.
    pub modified: Option<SystemTime>,
}

impl Stamp {
    /// Of the file at `path`; `None` when there is none that can be looked at.
    #[must_use]
    pub fn of(path: &Path) -> Option<Stamp> {
        let meta = fs::metadata(path).ok()?;
        let (device, inode, len) = (meta.dev(), meta.ino(), meta.len());
        Some(Stamp { device, inode, len, modified: meta.modified().ok() })
    }
}
