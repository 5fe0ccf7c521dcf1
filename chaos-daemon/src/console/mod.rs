//! Guests' consoles: the host's end of the ring, the log, the viewers.

use crate::shard::{Context, Fault, Turn};

/// The host's end of one guest's console.
#[derive(Debug, Default)]
pub struct ConsoleBackend;

impl ConsoleBackend {
    /// Moves what the guest printed to the log and viewers' input to the guest.
    ///
    /// # Errors
    /// [`Fault`]: the console is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::default())
    }
}
