//! The back end's side of a ring.

use core::marker::PhantomData;
use core::sync::atomic::Ordering;

use super::redo::{Publication, Redo};
use super::{LARGEST_SLOT, Protocol, REQUESTS, RESPONSES, RingError, offset, place, slots};
use crate::SharedMemory;

/// Takes requests and gives responses, in the same order. Reads each slot and index once.
#[derive(Debug)]
pub struct Back<M, P> {
    memory: M,
    size: u32,
    /// Requests read.
    consumed: u32,
    /// Responses published.
    produced: u32,
    protocol: PhantomData<fn() -> P>,
}

impl<M: SharedMemory, P: Protocol> Back<M, P> {
    /// Serves the ring in `memory` from its last published response on: what was asked and not
    /// answered, also of an earlier back end, is asked again. What an earlier one had begun to
    /// publish has to be [finished](super::redo::Unfinished::finish) before.
    ///
    /// # Panics
    /// When `memory` has no room for a slot.
    pub fn attach(memory: M) -> Self {
        let size = slots::<P>(memory.len());
        let produced = memory.load(offset::RSP_PROD, Ordering::Relaxed);
        Back { memory, size, consumed: produced, produced, protocol: PhantomData }
    }

    /// Slots of the ring.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Requests read and not answered yet; never more than the ring has slots.
    pub fn unanswered(&self) -> u32 {
        self.consumed.wrapping_sub(self.produced)
    }

    /// The next request, if there is one.
    ///
    /// # Errors
    /// When the front end says to have produced more than the ring holds, or took back what
    /// was read.
    pub fn next_request(&mut self) -> Result<Option<P::Request>, RingError> {
        if self.waiting()? == 0 {
            return Ok(None);
        }
        let mut slot = [0; LARGEST_SLOT];
        let slot = &mut slot[..P::SLOT];
        self.memory.read(place::<P>(self.consumed, self.size), slot);
        self.consumed = self.consumed.wrapping_add(1);
        Ok(Some(P::request(slot)))
    }

    /// Requests that can be read.
    ///
    /// # Errors
    /// As [`Back::next_request`].
    pub fn waiting(&self) -> Result<u32, RingError> {
        let produced = self.memory.load(offset::REQ_PROD, Ordering::Acquire);
        let held = produced.wrapping_sub(self.produced);
        let waiting = held.wrapping_sub(self.unanswered());
        if held > self.size || waiting > held {
            let (consumed, size) = (self.consumed, self.size);
            return Err(RingError { produced, consumed, size });
        }
        Ok(waiting)
    }

    /// Begins to answer. `redo` is for the back end that comes after this one.
    pub fn publish<'a, R: SharedMemory>(
        &'a mut self,
        redo: &'a Redo<R>,
    ) -> Publication<'a, M, P, R> {
        Publication::new(self, redo)
    }

    /// Responses published, free running.
    pub(super) fn produced(&self) -> u32 {
        self.produced
    }

    /// Publishes `count` responses that stand in `memory` at `at`; true when the front end wants
    /// to be notified.
    pub(super) fn publish_from<R: SharedMemory>(
        &mut self,
        memory: &R,
        mut at: usize,
        count: u32,
    ) -> bool {
        let mut slot = [0; LARGEST_SLOT];
        let slot = &mut slot[..P::RESPONSE];
        for n in 0..count {
            memory.read(at, slot);
            self.memory.write(place::<P>(self.produced.wrapping_add(n), self.size), slot);
            at += P::RESPONSE;
        }
        let end = self.produced.wrapping_add(count);
        RESPONSES.publish(&self.memory, &mut self.produced, end)
    }

    /// To be called when no request is left, before sleeping: asks to be notified of the next
    /// one. True when one came in the meantime.
    ///
    /// # Errors
    /// As [`Back::next_request`].
    pub fn final_check(&mut self) -> Result<bool, RingError> {
        if self.waiting()? > 0 {
            return Ok(true);
        }
        REQUESTS.wait(&self.memory, self.consumed);
        Ok(self.waiting()? > 0)
    }

    /// As [`Back::final_check`], for who needs more than the `known` requests that can be
    /// read: asks to be notified of the next one. True when one came in the meantime.
    ///
    /// # Errors
    /// As [`Back::next_request`].
    pub fn ask_for_more(&mut self, known: u32) -> Result<bool, RingError> {
        REQUESTS.wait(&self.memory, self.consumed.wrapping_add(known));
        Ok(self.waiting()? > known)
    }
}
