//! The network back end: one guest's interface.

use crate::shard::{Context, Fault, Turn};

/// The host's end of one network interface.
#[derive(Debug, Default)]
pub struct NetBackend;

impl NetBackend {
    /// Takes what the guest sends.
    ///
    /// # Errors
    /// [`Fault`]: the interface is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::default())
    }

    /// Hands the guest what the switch has for it.
    ///
    /// # Errors
    /// As [`NetBackend::service`].
    pub fn deliver(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::default())
    }
}
