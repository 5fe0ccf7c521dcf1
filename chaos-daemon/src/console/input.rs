//! Who types into a console.

use std::fmt;

use thiserror::Error;

use super::feed::Sink;

/// The one who may type. The seat is free again when this is dropped.
pub struct Writer(Sink);

/// Somebody else types into this console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("somebody else writes to this console")]
pub struct Taken;

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(sink: Sink) -> Writer {
        Writer(sink)
    }

    /// Types as much as fits; returns how many bytes that was. The guest's shard has to
    /// be told.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        self.0.push_input(bytes)
    }

    /// Waits until something fits.
    pub async fn room(&mut self) {
        self.0.room().await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.free_seat();
    }
}
