//! Rings of requests and responses as Xen's devices have them (`public/io/ring.h`).
//!
//! A ring is a power of two of slots. The front end writes requests, the back end writes each
//! response over a request that it has already read. Indexes run freely and wrap at 2³²;
//! `*_event` says which response or request the other side wants to be notified of.

mod back;
mod front;
pub mod redo;

use core::fmt;
use core::sync::atomic::Ordering;

use crate::SharedMemory;

pub use back::Back;
pub use front::Front;
pub use redo::Redo;

/// Offsets in the ring's first page, from `DEFINE_RING_TYPES`.
pub mod offset {
    /// Requests that the front end has published.
    pub const REQ_PROD: usize = 0;
    /// The request that the back end wants to be notified of.
    pub const REQ_EVENT: usize = 4;
    /// Responses that the back end has published.
    pub const RSP_PROD: usize = 8;
    /// The response that the front end wants to be notified of.
    pub const RSP_EVENT: usize = 12;
    /// The first slot.
    pub const SLOTS: usize = 64;
}

/// What a ring begins with that nobody has used: positions 0, events wanted at 1
/// (`SHARED_RING_INIT`).
pub const FRESH: [u8; 16] = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];

/// Bytes of the largest slot of any protocol here.
pub const LARGEST_SLOT: usize = 128;

/// What is in the slots of a ring.
pub trait Protocol {
    /// What the front end asks.
    type Request;
    /// What the back end answers.
    type Response;
    /// Bytes of a slot: the larger of the two, at most [`LARGEST_SLOT`].
    const SLOT: usize;
    /// Bytes of a response, which stands at the begin of a slot.
    const RESPONSE: usize;

    /// Reads a request from a slot.
    fn request(slot: &[u8]) -> Self::Request;
    /// Writes a request to a slot, all of it.
    fn put_request(request: &Self::Request, slot: &mut [u8]);
    /// Reads a response from a slot.
    fn response(slot: &[u8]) -> Self::Response;
    /// Writes a response to [`Protocol::RESPONSE`] bytes, all of them.
    fn put_response(response: &Self::Response, slot: &mut [u8]);
}

/// Indexes that no honest peer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingError {
    /// What the other side says it has produced.
    pub produced: u32,
    /// What this side has consumed.
    pub consumed: u32,
    /// Slots of the ring.
    pub size: u32,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RingError { produced, consumed, size } = self;
        write!(f, "{produced} entries produced, {consumed} consumed in a ring of {size}")
    }
}

impl core::error::Error for RingError {}

/// Slots of a ring in `bytes` of memory: the largest power of two that fits.
///
/// # Panics
/// When not even one fits.
#[must_use]
pub const fn slots<P: Protocol>(bytes: usize) -> u32 {
    assert!(P::SLOT <= LARGEST_SLOT && bytes >= offset::SLOTS + P::SLOT && bytes < 1 << 31);
    1 << ((bytes - offset::SLOTS) / P::SLOT).ilog2()
}

/// Where slot number `index` is.
const fn place<P: Protocol>(index: u32, size: u32) -> usize {
    offset::SLOTS + (index & (size - 1)) as usize * P::SLOT
}

/// Whether going from `old` to `new` passes the event that the other side waits for.
const fn passes(old: u32, new: u32, event: u32) -> bool {
    new.wrapping_sub(event) < new.wrapping_sub(old)
}

/// Where one side says what it has produced, and the other what it waits for.
struct Direction {
    produced: usize,
    event: usize,
}

const REQUESTS: Direction = Direction { produced: offset::REQ_PROD, event: offset::REQ_EVENT };
const RESPONSES: Direction = Direction { produced: offset::RSP_PROD, event: offset::RSP_EVENT };

impl Direction {
    /// Publishes everything up to `new`; true when the other side wants to be notified.
    fn publish<M: SharedMemory>(&self, memory: &M, published: &mut u32, new: u32) -> bool {
        let old = core::mem::replace(published, new);
        if old == new {
            return false;
        }
        memory.store(self.produced, new, Ordering::Release);
        memory.fence();
        passes(old, new, memory.load(self.event, Ordering::Relaxed))
    }

    /// Asks to be notified of what is produced after `consumed`. What is there has to be looked
    /// at once more afterwards.
    fn wait<M: SharedMemory>(&self, memory: &M, consumed: u32) {
        memory.store(self.event, consumed.wrapping_add(1), Ordering::Relaxed);
        memory.fence();
    }
}

#[cfg(test)]
mod tests;
