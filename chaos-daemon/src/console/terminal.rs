//! Consoles that xenconsoled serves. While somebody watches, what the guest's terminal shows
//! goes the way of all consoles, and what is typed to the terminal; at other times the terminal
//! is left to `xl console`. What is printed meanwhile waits in xenconsoled.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use lightvm::xen::DomId;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

use super::feed::Sink;

/// How long typed text may wait, and how soon it is noticed that nobody watches any more, in
/// milliseconds.
const LOOK_EVERY_MS: u16 = 20;

/// Bytes that may wait for the log's writing thread before the guest has to wait.
const MOST_UNWRITTEN: u64 = 256 << 10;

/// A guest's terminal, which is ours as long as this lives.
#[derive(Debug)]
pub struct Terminal {
    device: File,
    _lock: Lock,
}

/// Why a terminal cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TerminalError {
    /// `xl console` has it.
    #[error("an `xl console` shows this guest's console; xenconsoled knows one viewer at a time")]
    Taken,
    /// The system's answer.
    #[error("cannot use the guest's terminal {path}: {source}")]
    Io {
        /// The terminal, or its lock.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Terminal {
    /// Opens the terminal of a guest, which no `xl console` can have then.
    ///
    /// # Errors
    /// [`TerminalError`].
    pub fn open(path: &Path, domain: DomId) -> Result<Terminal, TerminalError> {
        let lock = Lock::take(format!("/var/lock/xenconsole.{domain}").into())?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK);
        let device = options
            .open(path)
            .map_err(|source| TerminalError::Io { path: path.to_owned(), source })?;
        Ok(Terminal { device, _lock: lock })
    }

    /// Copies both ways until nobody watches and nothing more comes. Answers whether the guest's
    /// end is gone.
    pub fn serve(mut self, sink: &Sink) -> bool {
        let mut buffer = [0; 2048];
        loop {
            let mut idle = !self.wait(sink);
            if sink.unwritten() < MOST_UNWRITTEN {
                match self.device.read(&mut buffer) {
                    Ok(0) => return true,
                    Ok(n) => {
                        sink.print(&buffer[..n]);
                        idle = false;
                    }
                    Err(e) if is_later(&e) => {}
                    Err(_) => return true,
                }
            }
            let typed = sink.take_input(&mut buffer);
            if typed > 0 {
                match self.device.write(&buffer[..typed]) {
                    Ok(n) => sink.typed(n),
                    Err(e) if is_later(&e) => {}
                    Err(_) => return true,
                }
            }
            if idle && sink.viewers() == 0 {
                return false;
            }
        }
    }

    /// Waits a moment, or until something can be read; answers whether it can.
    fn wait(&self, sink: &Sink) -> bool {
        let full = sink.unwritten() >= MOST_UNWRITTEN;
        let wanted = if full { PollFlags::empty() } else { PollFlags::POLLIN };
        let mut fds = [PollFd::new(self.device.as_fd(), wanted)];
        poll(&mut fds, PollTimeout::from(LOOK_EVERY_MS)).is_ok_and(|ready| ready > 0)
    }
}

fn is_later(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The lock that `xl console` takes (`console_lock` of Xen's `tools/console/client/main.c`): a
/// file that whoever has it removes.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Lock, TerminalError> {
        let failed = |source| TerminalError::Io { path: path.clone(), source };
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path).map_err(failed)?;
            let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
            let file = lock.map_err(|_| TerminalError::Taken)?;
            // Whoever had it before may have removed the file meanwhile.
            let ours = file.metadata().map_err(failed)?;
            match fs::metadata(&path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Lock { path, _file: file });
                }
                _ => {}
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_had_once_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xenconsole.7");
        let lock = Lock::take(path.clone()).unwrap();
        assert!(matches!(Lock::take(path.clone()), Err(TerminalError::Taken)));
        drop(lock);
        assert!(!path.exists());
        Lock::take(path).unwrap();
    }
}
