//! Somebody who watches a console.

use std::fmt;

use bytes::Bytes;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Part of what a guest prints.
#[derive(Clone)]
pub(super) struct Chunk {
    /// What was printed before it, in bytes.
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

/// A viewer's end of a console. A viewer that is too slow loses the middle of what is
/// printed and is told how much; it holds up nobody.
pub struct Viewer {
    /// Printed before it came, and not handed out yet.
    backlog: Option<Bytes>,
    /// What was printed before the next chunk.
    expected: u64,
    live: Option<Receiver<Chunk>>,
    /// Received behind a gap that was told first.
    held: Option<Bytes>,
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer").field("expected", &self.expected).finish_non_exhaustive()
    }
}

impl Viewer {
    pub(super) fn new(backlog: Vec<u8>, expected: u64, live: Option<Receiver<Chunk>>) -> Viewer {
        let backlog = (!backlog.is_empty()).then(|| Bytes::from(backlog));
        Viewer { backlog, expected, live, held: None }
    }

    /// The next part of what is printed; waits for it. `None`: the guest is gone.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(bytes) = self.backlog.take().or_else(|| self.held.take()) {
            return Some(bytes);
        }
        loop {
            match self.live.as_mut()?.recv().await {
                Ok(chunk) => return Some(self.take(chunk)),
                // The next chunk tells by its place how much is missing.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => {
                    self.live = None;
                    return None;
                }
            }
        }
    }

    fn take(&mut self, Chunk { start, bytes }: Chunk) -> Bytes {
        let missed = start.saturating_sub(self.expected);
        self.expected = start + bytes.len() as u64;
        if missed == 0 {
            return bytes;
        }
        self.held = Some(bytes);
        format!("\r\n[{missed} bytes dropped: this viewer was too slow]\r\n").into()
    }
}
