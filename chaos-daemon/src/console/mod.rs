//! Guests' consoles: the host's end of the ring, the log, the viewers.

use lightvm::api::DeviceStats;

use crate::shard::{Context, Fault, Pages, Turn};

/// Where a guest's output goes and its input comes from.
#[derive(Clone, Debug)]
pub struct Sink;

/// The host's end of one guest's console.
pub struct ConsoleBackend;

impl ConsoleBackend {
    /// Takes up the console whose ring is on `page`.
    pub fn attach(_page: Pages, _sink: Sink) -> Self {
        ConsoleBackend
    }

    /// Moves what the guest printed to the log and viewers' input to the guest.
    ///
    /// # Errors
    /// [`Fault`]: the console is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::DONE)
    }

    /// What went through it.
    pub fn stats(&self) -> DeviceStats {
        DeviceStats::default()
    }
}
