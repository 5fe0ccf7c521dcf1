//! The shared page of a XenStore connection: `struct xenstore_domain_interface` of
//! `public/io/xs_wire.h`, explained in `docs/misc/xenstore-ring.txt`.
//!
//! The host's own positions are never read back from the page: a guest can write them.

use std::sync::atomic::{Ordering, fence};

use noxs::SharedMemory;

use super::machine::ConnectionError;

/// Bytes of each of the two byte streams.
pub(super) const STREAM_SIZE: usize = 1024;

const REQUESTS: usize = 0;
const ANSWERS: usize = STREAM_SIZE;
const REQUESTS_CONSUMED: usize = 2048;
const REQUESTS_PRODUCED: usize = 2052;
const ANSWERS_CONSUMED: usize = 2056;
const ANSWERS_PRODUCED: usize = 2060;
const FEATURES: usize = 2064;
const CONNECTION: usize = 2068;
const ERROR: usize = 2072;

/// A guest may ask for a fresh connection, and is told of errors
/// (`XENSTORE_SERVER_FEATURE_RECONNECTION`, `XENSTORE_SERVER_FEATURE_ERROR`).
const OFFERED: u32 = 1 | 2;

/// `XENSTORE_CONNECTED`; anything else is a wish to begin anew.
const CONNECTED: u32 = 0;

/// The host's end of the page.
#[derive(Debug)]
pub struct Ring<M> {
    page: M,
}

impl<M: SharedMemory> Ring<M> {
    /// Takes the page and says what the host can do.
    ///
    /// # Panics
    /// When `page` is shorter than the structure, 2076 bytes.
    pub fn new(page: M) -> Ring<M> {
        page.store(FEATURES, OFFERED, Ordering::Release);
        Ring { page }
    }

    /// The guest wants a fresh connection.
    pub fn wants_reconnection(&self) -> bool {
        self.page.load(CONNECTION, Ordering::Acquire) != CONNECTED
    }

    /// Empties both streams and tells the guest that it is connected.
    pub fn reconnect(&self) {
        for field in
            [REQUESTS_CONSUMED, REQUESTS_PRODUCED, ANSWERS_CONSUMED, ANSWERS_PRODUCED, ERROR]
        {
            self.page.store(field, 0, Ordering::Relaxed);
        }
        self.page.store(CONNECTION, CONNECTED, Ordering::Release);
    }

    /// Copies at most `most` bytes of requests that begin at position `consumed`.
    ///
    /// # Errors
    /// When the guest claims to have written more than fits.
    pub fn receive(&self, consumed: u32, most: usize) -> Result<Vec<u8>, ConnectionError> {
        let produced = self.page.load(REQUESTS_PRODUCED, Ordering::Acquire);
        let there = distance(consumed, produced)?;
        let mut bytes = vec![0; there.min(most)];
        let at = offset(consumed);
        let (head, tail) = bytes.split_at_mut((STREAM_SIZE - at).min(there.min(most)));
        self.page.read(REQUESTS + at, head);
        self.page.read(REQUESTS, tail);
        Ok(bytes)
    }

    /// Copies as much of `bytes` as there is room for behind position `produced`;
    /// gives the count. The guest sees it after [`Ring::publish`].
    ///
    /// # Errors
    /// When the guest claims to have read what is not there.
    pub fn fill(&self, produced: u32, bytes: &[u8]) -> Result<usize, ConnectionError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let consumed = self.page.load(ANSWERS_CONSUMED, Ordering::Acquire);
        let room = STREAM_SIZE - distance(consumed, produced)?;
        let at = offset(produced);
        let bytes = &bytes[..bytes.len().min(room)];
        let (head, tail) = bytes.split_at(bytes.len().min(STREAM_SIZE - at));
        self.page.write(ANSWERS + at, head);
        self.page.write(ANSWERS, tail);
        Ok(bytes.len())
    }

    /// Shows the guest the host's positions.
    pub fn publish(&self, consumed: u32, produced: u32) {
        self.page.store(REQUESTS_CONSUMED, consumed, Ordering::Release);
        self.page.store(ANSWERS_PRODUCED, produced, Ordering::Release);
        // A guest notifies only when it finds the requests empty or the answers full
        // (Linux' `xb_write` and `xb_read`). What it did before it could see these
        // positions must be seen by whoever looks after this.
        fence(Ordering::SeqCst);
    }

    /// Whether the guest has written more requests than `consumed`. Lies count as more.
    pub fn has_requests(&self, consumed: u32) -> bool {
        self.page.load(REQUESTS_PRODUCED, Ordering::Acquire) != consumed
    }

    /// Whether there is room behind position `produced`. Lies count as room.
    pub fn has_room(&self, produced: u32) -> bool {
        let consumed = self.page.load(ANSWERS_CONSUMED, Ordering::Acquire);
        distance(consumed, produced) != Ok(STREAM_SIZE)
    }

    /// Tells the guest why nobody answers any more.
    pub fn report(&self, error: ConnectionError) {
        self.page.store(ERROR, error.code(), Ordering::Release);
    }
}

fn offset(position: u32) -> usize {
    usize::try_from(position).unwrap_or(0) % STREAM_SIZE
}

/// Bytes from `from` to `to`; both run freely modulo 2³².
fn distance(from: u32, to: u32) -> Result<usize, ConnectionError> {
    match usize::try_from(to.wrapping_sub(from)) {
        Ok(bytes) if bytes <= STREAM_SIZE => Ok(bytes),
        _ => Err(ConnectionError::Indexes),
    }
}
