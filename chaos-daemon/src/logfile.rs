//! Logs: one file that grows, and the one before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where a log is. No file is open between two verbs.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    /// Bytes after which a new file is begun.
    limit: u64,
}

/// A log as it was at one moment; what is written later is not part of it.
#[derive(Debug)]
pub struct Snapshot {
    parts: Vec<(File, u64)>,
}

/// What the name of a log ends with.
const SUFFIX: &str = "log";
/// And that of the one before it.
const OLD: &str = "log.1";

impl LogFile {
    /// The log `name` in `folder`, of up to `limit` bytes and as many in the file before it.
    pub fn new(folder: &Path, name: &str, limit: u64) -> LogFile {
        LogFile { path: folder.join(name).with_extension(SUFFIX), limit }
    }

    /// The file that grows.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn old(&self) -> PathBuf {
        self.path.with_extension(OLD)
    }

    /// Adds to the end; begins a new file when this one is full.
    ///
    /// # Errors
    /// Those of files.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.open()?;
        if file.metadata()?.len() >= self.limit {
            fs::rename(&self.path, self.old())?;
            file = self.open()?;
        }
        file.write_all(bytes)
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)
    }

    /// What is there now. The caller sees to it that nobody appends meanwhile.
    ///
    /// # Errors
    /// Those of files.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        let mut parts = Vec::new();
        for path in [self.old(), self.path.clone()] {
            match File::open(path) {
                Ok(file) => {
                    let len = file.metadata()?.len();
                    parts.push((file, len));
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Snapshot { parts })
    }

    /// Removes the files.
    pub fn remove(&self) {
        let _ = fs::remove_file(self.old());
        let _ = fs::remove_file(&self.path);
    }
}

impl Snapshot {
    /// All of it, oldest first.
    ///
    /// # Errors
    /// Those of files.
    pub fn read(self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for (file, len) in self.parts {
            file.take(len).read_to_end(&mut all)?;
        }
        Ok(all)
    }
}

/// The names of the logs in a folder, those that were written last at the end.
///
/// # Errors
/// Those of reading a folder.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".log")) else { continue };
        found.push((entry.metadata()?.modified()?, name.to_owned()));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_snapshot_ends_where_it_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::new(folder.path(), "guest", 4);
        assert!(log.snapshot().unwrap().read().unwrap().is_empty());
        log.append(b"one ").unwrap();
        log.append(b"two ").unwrap();
        let snapshot = log.snapshot().unwrap();
        log.append(b"three ").unwrap();
        assert_eq!(snapshot.read().unwrap(), b"one two ");
        assert_eq!(log.snapshot().unwrap().read().unwrap(), b"two three ");
        assert_eq!(names(folder.path()).unwrap(), ["guest"]);
        log.remove();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// The log is the end of what was written, at least the limit and at most twice
        /// that and what was written at once.
        #[test]
        fn the_end_is_kept(limit in 1..200u64, parts in prop::collection::vec(1..100usize, 1..60)) {
            let folder = tempfile::tempdir().unwrap();
            let log = LogFile::new(folder.path(), "guest", limit);
            let mut all = Vec::new();
            for (n, size) in (0u8..).zip(parts) {
                let part = vec![n; size];
                log.append(&part).unwrap();
                all.extend(part);
            }
            let kept = log.snapshot().unwrap().read().unwrap();
            prop_assert!(all.ends_with(&kept));
            prop_assert!(kept.len() as u64 >= limit.min(all.len() as u64));
            prop_assert!((kept.len() as u64) < 2 * limit + 200);
        }
    }
}
