//! The block back end and its asynchronous input and output.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::shard::{Context, DeviceId, Fault, Turn};

/// The host's end of one disk.
#[derive(Debug, Default)]
pub struct BlockBackend;

impl BlockBackend {
    /// Takes the guest's requests.
    ///
    /// # Errors
    /// [`Fault`]: the disk is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::default())
    }

    /// Takes the end of an operation.
    ///
    /// # Errors
    /// As [`BlockBackend::service`].
    pub fn completed(
        &mut self,
        _context: &mut Context<'_>,
        _completion: Completion,
    ) -> Result<Turn, Fault> {
        Ok(Turn::default())
    }
}

/// The end of an operation.
#[derive(Debug)]
pub struct Completion {
    /// Whose it was.
    pub device: DeviceId,
}

/// One shard's asynchronous input and output.
#[derive(Debug)]
pub struct Engine {
    event: EventFd,
}

impl Engine {
    /// An engine without work.
    ///
    /// # Errors
    /// When the system has no file descriptor left.
    pub fn new() -> std::io::Result<Engine> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Engine { event: EventFd::from_flags(flags)? })
    }

    /// The next operation that ended.
    pub fn completion(&mut self) -> Option<Completion> {
        None
    }

    /// Hands the kernel what was asked for since the last call.
    pub fn submit_all(&mut self) {}
}

/// Readable when operations have ended.
impl AsFd for Engine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
