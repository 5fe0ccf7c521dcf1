//! Opening image files without trusting what the path names.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use memmap2::Mmap;

use super::ImageError;

/// An open regular file whose size was seen to be between 1 and a limit.
pub(super) struct ImageFile {
    file: File,
    size: u64,
    what: &'static str,
    limit: u64,
}

impl ImageFile {
    /// Opens `path` for reading. Never blocks, whatever the path names.
    pub(super) fn open(path: &Path, what: &'static str, limit: u64) -> Result<Self, ImageError> {
        // O_NONBLOCK: opening a pipe would otherwise wait for a writer.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ImageError::NotAFile);
        }
        match metadata.len() {
            0 => Err(ImageError::Empty { what }),
            size if size > limit => Err(ImageError::TooLarge { what, size, limit }),
            size => Ok(ImageFile { file, size, what, limit }),
        }
    }

    /// Maps the file read-only.
    ///
    /// A file that is truncated while mapped kills the process with SIGBUS when the lost pages are
    /// touched: callers copy what they need and drop the map at once.
    pub(super) fn map(&self) -> Result<Mmap, ImageError> {
        // SAFETY: someone may write to the file while it is mapped, so two reads of a byte may
        // differ. No code in this module relies on their agreeing: header fields are read once into
        // owned values and checked there, offsets are checked against the length of the map,
        // and text is copied before it is validated.
        Ok(unsafe { Mmap::map(&self.file) }?)
    }

    /// Reads the whole file. One that grows meanwhile is refused at the limit.
    pub(super) fn read(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = reserve(self.what, self.size)?;
        (&self.file).take(self.limit + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 {
            0 => Err(ImageError::Empty { what: self.what }),
            size if size > self.limit => {
                Err(ImageError::TooLarge { what: self.what, size, limit: self.limit })
            }
            _ => Ok(bytes),
        }
    }
}

/// An empty vector with room for `size` bytes, or an error in place of an abort.
pub(super) fn reserve(what: &'static str, size: u64) -> Result<Vec<u8>, ImageError> {
    let no_memory = || ImageError::OutOfMemory { what, size };
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(size).map_err(|_| no_memory())?)
        .map_err(|_| no_memory())?;
    Ok(bytes)
}
