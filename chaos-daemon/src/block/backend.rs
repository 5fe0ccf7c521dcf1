//! The host's end of one disk's ring.

use std::sync::Arc;

use lightvm::api::DeviceStats;

use super::{Completion, Disk};
use crate::shard::{Context, Fault, Pages, Turn};

/// How a guest lays its requests out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// As x86-64 does.
    X86_64,
    /// As x86-32 does.
    X86_32,
}

/// How a disk is served.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockOptions;

/// The host's end of one disk.
pub struct BlockBackend;

impl BlockBackend {
    /// Connects a disk.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn attach(
        _ring: Pages,
        _abi: Abi,
        _disk: Arc<Disk>,
        _options: BlockOptions,
    ) -> Result<Self, Fault> {
        Ok(BlockBackend)
    }

    /// Takes the guest's requests, and answers those that are done.
    ///
    /// # Errors
    /// [`Fault`]: the disk is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::DONE)
    }

    /// Takes note of the end of an operation; the next turn answers it.
    pub fn completed(&mut self, _completion: Completion) {}

    /// What went through it.
    pub fn stats(&self) -> DeviceStats {
        DeviceStats::default()
    }
}
