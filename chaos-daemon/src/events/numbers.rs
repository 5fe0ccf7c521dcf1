//! Numbers that no daemon of this boot gives twice.

use std::path::PathBuf;
use std::{fs, io};

/// Numbers that are reserved at a time.
const BLOCK: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Numbers {
    last: u64,
    reserved: u64,
    path: PathBuf,
}

impl Numbers {
    /// Numbers behind those that were reserved in the file at `path`.
    pub(super) fn open(path: PathBuf) -> io::Result<Numbers> {
        let last = match fs::read_to_string(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            text => text?.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?,
        };
        let mut numbers = Numbers { last, reserved: last, path };
        numbers.reserve()?;
        Ok(numbers)
    }

    /// The last number that was given.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn next(&mut self) -> u64 {
        if self.last == self.reserved
            && let Err(e) = self.reserve()
        {
            tracing::error!("events of the next daemon may get numbers that were given: {e}");
            self.reserved += BLOCK;
        }
        self.last += 1;
        self.last
    }

    fn reserve(&mut self) -> io::Result<()> {
        let reserved = self.reserved + BLOCK;
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, reserved.to_string())?;
        fs::rename(&fresh, &self.path)?;
        self.reserved = reserved;
        Ok(())
    }
}
