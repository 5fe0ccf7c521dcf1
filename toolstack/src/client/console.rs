//! A guest's console as a stream.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::connection::Connection;
use super::{ClientError, accept};
use crate::api::CONSOLE_PROTOCOL;

/// A guest's console: read what it prints, write what it is to read. Ends when the guest is gone;
/// detaches when dropped.
#[derive(Debug)]
pub struct ConsoleStream {
    stream: UnixStream,
    /// What came together with the daemon's answer.
    first: Vec<u8>,
}

impl ConsoleStream {
    pub(super) fn attach(mut connection: Connection, target: &str) -> Result<Self, ClientError> {
        let head = connection.upgrade(target, CONSOLE_PROTOCOL)?;
        if head.status == 101 {
            let (stream, first) = connection.into_parts();
            return Ok(ConsoleStream { stream, first });
        }
        accept(connection.body_of(head)?)?;
        Err(ClientError::Protocol("it does not let go of HTTP"))
    }

    /// Whether something can be read without looking at the file descriptor.
    pub fn has_more(&self) -> bool {
        !self.first.is_empty()
    }

    /// Whether reads and writes that cannot be done at once fail with
    /// [`io::ErrorKind::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    /// Those of `ioctl(2)`.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }
}

impl Read for ConsoleStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.first.is_empty() {
            return self.stream.read(out);
        }
        let n = out.len().min(self.first.len());
        out[..n].copy_from_slice(&self.first[..n]);
        self.first.drain(..n);
        Ok(n)
    }
}

impl Write for ConsoleStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl AsFd for ConsoleStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
