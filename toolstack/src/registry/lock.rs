//! Turns at a guest: whoever ends it, brings it back or forgets it goes alone.
//!
//! A lock is a file beside the record, locked with `flock`, so it ends with its
//! holder however that ends. The file goes with the lock; a waiter that gets the
//! lock of a file that is gone tries again with the new one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A guest's lock, held. Dropping it lets the next one have its turn.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    // Let go of after the file is removed.
    _file: Flock<File>,
}

impl Lock {
    /// Waits for the turn.
    pub(super) fn take(path: &Path) -> io::Result<Lock> {
        loop {
            let file = lock(open(path)?)?;
            if is_at(&file, path)? {
                return Ok(Lock { path: path.to_owned(), _file: file });
            }
        }
    }

    /// Takes the turn if nobody has it.
    pub(super) fn try_take(path: &Path) -> io::Result<Option<Lock>> {
        loop {
            let file = match Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, Errno::EINTR)) => continue,
                Err((_, e)) => return Err(e.into()),
            };
            if is_at(&file, path)? {
                return Ok(Some(Lock { path: path.to_owned(), _file: file }));
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A file that stays behind is locked and removed by the next holder.
        let _ = fs::remove_file(&self.path);
    }
}

fn lock(mut file: File) -> io::Result<Flock<File>> {
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(locked) => return Ok(locked),
            Err((again, Errno::EINTR)) => file = again,
            Err((_, e)) => return Err(e.into()),
        }
    }
}

/// Whether `file` is still what `path` names.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (mine, there) = (file.metadata()?, fs::metadata(path));
    match there {
        Ok(there) => Ok((mine.dev(), mine.ino()) == (there.dev(), there.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = Lock::take(&path).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_turn_that_is_taken_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let held = Lock::take(&path).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn the_folder_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let error = Lock::take(&dir.path().join("gone/a.lock")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
