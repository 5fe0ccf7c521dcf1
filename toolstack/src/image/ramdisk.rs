//! Initial ramdisks.

use std::fmt;
use std::path::Path;

use super::file::ImageFile;
use super::{ImageError, MAX_RAMDISK};

/// The bytes of an initial ramdisk, handed to the guest as they are.
pub struct Ramdisk {
    bytes: Vec<u8>,
}

impl Ramdisk {
    /// Reads a ramdisk of 1 to [`MAX_RAMDISK`] bytes into memory.
    ///
    /// The contents are not looked into: what a guest accepts is its own matter.
    ///
    /// # Errors
    /// [`ImageError::InFile`] with the path and why: not readable, not a regular file, empty, too
    /// large, or no memory for it.
    pub fn open(path: &Path) -> Result<Ramdisk, ImageError> {
        ImageFile::open(path, "ramdisk", MAX_RAMDISK)
            .and_then(|file| file.read())
            .map(|bytes| Ramdisk { bytes })
            .map_err(|problem| problem.in_file(path))
    }

    /// The contents.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Ramdisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ramdisk").field("len", &self.bytes.len()).finish()
    }
}
