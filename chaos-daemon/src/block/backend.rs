//! The host's end of one disk's ring.

use super::Completion;
use crate::shard::{Context, Fault, Turn};

/// The host's end of one disk.
#[derive(Debug, Default)]
pub struct BlockBackend;

impl BlockBackend {
    /// Takes the guest's requests, and answers those that are done.
    ///
    /// # Errors
    /// [`Fault`]: the disk is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::DONE)
    }

    /// Takes note of the end of an operation; the next turn answers it.
    pub fn completed(&mut self, _completion: Completion) {}
}
