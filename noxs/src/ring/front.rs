//! The front end's side of a ring.

use core::marker::PhantomData;
use core::sync::atomic::Ordering;

use super::{LARGEST_SLOT, Protocol, REQUESTS, RESPONSES, RingError, offset, place, slots};
use crate::SharedMemory;

/// Gives requests and takes responses. Reads each slot and index once.
#[derive(Debug)]
pub struct Front<M, P> {
    memory: M,
    size: u32,
    /// Requests written.
    produced: u32,
    /// Requests the back end has been shown.
    published: u32,
    /// Responses read.
    consumed: u32,
    protocol: PhantomData<fn() -> P>,
}

impl<M: SharedMemory, P: Protocol> Front<M, P> {
    /// Makes a ring in `memory` that no back end serves yet.
    ///
    /// # Panics
    /// When `memory` has no room for a slot.
    pub fn create(memory: M) -> Self {
        for (at, value) in [
            (offset::REQ_PROD, 0),
            (offset::REQ_EVENT, 1),
            (offset::RSP_PROD, 0),
            (offset::RSP_EVENT, 1),
        ] {
            memory.store(at, value, Ordering::SeqCst);
        }
        Self::attach(memory)
    }

    /// Uses a fresh ring, which another has made.
    ///
    /// # Panics
    /// As [`Front::create`].
    pub fn attach(memory: M) -> Self {
        let size = slots::<P>(memory.len());
        Front { memory, size, produced: 0, published: 0, consumed: 0, protocol: PhantomData }
    }

    /// Slots of the ring.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Requests that there is room for.
    pub fn free(&self) -> u32 {
        self.size - self.produced.wrapping_sub(self.consumed)
    }

    /// Asks. The back end sees it after [`Front::push`].
    ///
    /// # Panics
    /// When there is no room: that is a fault of the caller.
    pub fn request(&mut self, request: &P::Request) {
        assert!(self.free() > 0, "a request without a slot");
        let mut slot = [0; LARGEST_SLOT];
        P::put_request(request, &mut slot[..P::SLOT]);
        self.memory.write(place::<P>(self.produced, self.size), &slot[..P::SLOT]);
        self.produced = self.produced.wrapping_add(1);
    }

    /// Publishes the requests; true when the back end wants to be notified.
    #[must_use]
    pub fn push(&mut self) -> bool {
        REQUESTS.publish(&self.memory, &mut self.published, self.produced)
    }

    /// The next response, if there is one.
    ///
    /// # Errors
    /// When the back end answered what was never asked.
    pub fn next_response(&mut self) -> Result<Option<P::Response>, RingError> {
        if self.waiting()? == 0 {
            return Ok(None);
        }
        let mut slot = [0; LARGEST_SLOT];
        let slot = &mut slot[..P::SLOT];
        self.memory.read(place::<P>(self.consumed, self.size), slot);
        self.consumed = self.consumed.wrapping_add(1);
        Ok(Some(P::response(slot)))
    }

    /// To be called when no response is left, before sleeping: asks to be notified of the next
    /// one. True when one came in the meantime.
    ///
    /// # Errors
    /// As [`Front::next_response`].
    pub fn final_check(&mut self) -> Result<bool, RingError> {
        if self.waiting()? > 0 {
            return Ok(true);
        }
        RESPONSES.wait(&self.memory, self.consumed);
        Ok(self.waiting()? > 0)
    }

    fn waiting(&self) -> Result<u32, RingError> {
        let produced = self.memory.load(offset::RSP_PROD, Ordering::Acquire);
        let waiting = produced.wrapping_sub(self.consumed);
        if waiting > self.published.wrapping_sub(self.consumed) {
            let (consumed, size) = (self.consumed, self.size);
            return Err(RingError { produced, consumed, size });
        }
        Ok(waiting)
    }
}
