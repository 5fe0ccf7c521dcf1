//! The lock of the whole registry.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;

/// A file that is locked with `flock`. Each holder has opened it anew, or an earlier holder has left
/// it open: to look for it takes longer than what most do under the lock. Copies are of the same.
#[derive(Clone, Debug)]
pub(super) struct LockFile {
    path: PathBuf,
    spare: Arc<Mutex<Vec<File>>>,
}

/// The lock, held.
#[derive(Debug)]
pub(super) struct Exclusive {
    /// There until it is dropped.
    held: Option<Flock<File>>,
    spare: Arc<Mutex<Vec<File>>>,
}

impl LockFile {
    pub(super) fn new(path: PathBuf) -> LockFile {
        LockFile { path, spare: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody holds it.
    pub(super) fn wait(&self) -> io::Result<Exclusive> {
        let mut file = self.open()?;
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
        match Flock::lock(self.open()?, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Some(self.hold(held))),
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => Ok(None),
            Err((_, e)) => Err(e.into()),
        }
    }

    fn hold(&self, held: Flock<File>) -> Exclusive {
        Exclusive { held: Some(held), spare: Arc::clone(&self.spare) }
    }

    fn open(&self) -> io::Result<File> {
        let spare = self.spare.lock().pop();
        // Others would lock another file, had this one been removed.
        if let Some(file) = spare
            && file.metadata()?.nlink() > 0
        {
            return Ok(file);
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o644).open(&self.path)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // Closed otherwise, which lets go of it as well.
        if let Some(Ok(file)) = self.held.take().map(Flock::unlock) {
            self.spare.lock().push(file);
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
