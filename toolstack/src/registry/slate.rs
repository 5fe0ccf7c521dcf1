//! Files that are there before what they will say.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::record::{Draft, Outline, Record};

/// What fits in one page of tmpfs: the kernel copies that in one go, so whoever is killed meanwhile
/// has written all of it or nothing.
const PAGE: usize = 4096;

/// A file that is open for a record to come: writing it costs one call, where a new file costs four
/// and several searches for its path.
#[derive(Debug)]
pub struct Slate {
    file: File,
    /// Bytes of what stands there.
    len: usize,
}

impl Slate {
    /// Makes the file at `path`, empty.
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub fn create(path: &Path) -> io::Result<Slate> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o644).open(path)?;
        Ok(Slate { file, len: 0 })
    }

    /// Opens the file at `path`, in which something stands.
    ///
    /// # Errors
    /// Those of `open(2)` and `fstat(2)`.
    pub fn open(path: &Path) -> io::Result<Slate> {
        let file = OpenOptions::new().write(true).open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        Ok(Slate { file, len })
    }

    /// Writes `text` into the empty file. `false`: it is more than can be written in one go, and
    /// nothing is.
    ///
    /// # Errors
    /// Those of `pwrite(2)`.
    pub fn begin(&mut self, text: &[u8]) -> io::Result<bool> {
        self.len = text.len();
        self.write(text.to_vec())
    }

    /// Writes `text` in place of what stands there, with spaces behind it where it is shorter.
    /// `false`: it is more than can be written in one go, and nothing is.
    ///
    /// # Errors
    /// Those of `pwrite(2)`.
    pub fn write(&self, mut text: Vec<u8>) -> io::Result<bool> {
        text.resize(text.len().max(self.len), b' ');
        if text.len() > PAGE {
            return Ok(false);
        }
        self.file.write_all_at(&text, 0).map(|()| true)
    }
}

/// The place of a guest's record, taken before there is a guest. Nobody takes a blank file for a
/// record; it goes when this is dropped unused.
#[derive(Debug)]
pub struct Reserved {
    draft: Draft,
    path: PathBuf,
    slate: Slate,
    used: bool,
}

impl Reserved {
    pub(super) fn new(outline: Outline, path: PathBuf) -> io::Result<Reserved> {
        let (draft, slate) = (Draft::new(outline)?, Slate::create(&path)?);
        let mut place = Reserved { draft, path, slate, used: false };
        // So it has its page already.
        place.slate.begin(b" ")?;
        Ok(place)
    }

    /// Whose record it is for.
    pub(super) fn uuid(&self) -> Uuid {
        self.draft.uuid()
    }

    /// Writes the record, as with [`Slate::write`]; `false` also when it is of another domain. The
    /// file stays, whatever the answer is.
    pub(super) fn fill(mut self, record: &Record) -> io::Result<bool> {
        self.used = true;
        match self.draft.complete(record)? {
            Some(text) => self.slate.write(text),
            None => Ok(false),
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.used {
            // What stays is blank, and cleared away with what is left of its shell.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::build::ConsoleRing;
    use crate::config::GuestType;
    use crate::xen::DomId;

    #[test]
    fn what_is_shorter_leaves_nothing_of_what_stood_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, b"\"as it was\"").unwrap();
        let slate = Slate::open(&path).unwrap();
        assert!(slate.write(b"\"new\"".to_vec()).unwrap());
        let text: String = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(text, "new");
        assert!(!slate.write(vec![b'1'; PAGE + 1]).unwrap());
        assert!(fs::read(&path).unwrap().starts_with(b"\"new\""));
    }

    #[test]
    fn a_place_that_is_not_used_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let outline = Outline {
            uuid: Uuid::nil(),
            domid: DomId(1),
            guest_type: GuestType::Pvh,
            console: ConsoleRing { frame: 1, port: 1 },
            channel: None,
        };
        let place = Reserved::new(outline, path.clone()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b" ");
        drop(place);
        assert!(!path.exists());
    }
}
