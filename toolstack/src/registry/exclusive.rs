//! The lock of the whole registry.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;

/// A file that is locked with `flock`. It stays open: to look for it takes longer than what most do
/// under the lock. Whoever comes while it is in use opens it anew. Copies are of the same.
#[derive(Clone, Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    spare: Arc<Mutex<Option<File>>>,
}

/// The lock, held.
#[derive(Debug)]
pub(super) struct Exclusive {
    /// There until it is dropped.
    held: Option<Flock<File>>,
    spare: Arc<Mutex<Option<File>>>,
}

impl LockFile {
    pub(super) fn new(path: PathBuf) -> LockFile {
        // Who may only read learns of it when it comes to change something.
        let spare = open(&path).ok();
        LockFile { path, spare: Arc::new(Mutex::new(spare)) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody holds it.
    pub(super) fn wait(&self) -> io::Result<Exclusive> {
        let mut file = self.file()?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusive) {
                Ok(held) => return Ok(self.hold(held)),
                Err((again, Errno::EINTR)) => file = again,
                Err((_, e)) => return Err(e.into()),
            }
        }
    }

    /// Takes it unless somebody holds it.
    pub(super) fn try_now(&self) -> io::Result<Option<Exclusive>> {
        match Flock::lock(self.file()?, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Some(self.hold(held))),
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => Ok(None),
            Err((_, e)) => Err(e.into()),
        }
    }

    fn hold(&self, held: Flock<File>) -> Exclusive {
        Exclusive { held: Some(held), spare: Arc::clone(&self.spare) }
    }

    fn file(&self) -> io::Result<File> {
        let spare = self.spare.lock().take();
        match spare {
            // Others would lock another file, had this one been removed.
            Some(file) if file.metadata()?.nlink() > 0 => Ok(file),
            _ => open(&self.path),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(path)
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // Closed otherwise, which lets go of it as well.
        if let Some(Ok(file)) = self.held.take().map(Flock::unlock) {
            self.spare.lock().get_or_insert(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_at_a_time_whether_the_file_is_old_or_new() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("lock"));
        let other = LockFile::new(lock.path().to_owned());
        for _ in 0..3 {
            let held = lock.wait().unwrap();
            assert!(lock.try_now().unwrap().is_none());
            assert!(other.try_now().unwrap().is_none());
            drop(held);
            assert!(other.try_now().unwrap().is_some());
        }
        fs::remove_file(lock.path()).unwrap();
        let held = other.wait().unwrap();
        assert!(lock.try_now().unwrap().is_none());
        drop(held);
        assert!(lock.try_now().unwrap().is_some());
    }
}
