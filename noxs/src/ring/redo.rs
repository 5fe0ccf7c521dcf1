//! Responses on their way into a ring, so that the next back end finishes what a killed one
//! began.
//!
//! A response takes the place of a request before the index tells of it. Whoever is killed in
//! between leaves its successor responses to read as requests. So a back end first writes down,
//! in memory that outlives it, what it is about to publish. Its successor finds that there,
//! [finishes](Unfinished::finish) it, and only then attaches to the ring.
//!
//! A kill comes between two instructions, and what was stored before it is stored: the compiler
//! has to keep the order of stores, the processor does.

use core::marker::PhantomData;
use core::sync::atomic::{Ordering, compiler_fence};

use super::{Back, LARGEST_SLOT, Protocol, RESPONSES, offset, place, slots};
use crate::{SharedMemory, bytes};

/// Responses under way; 0: none.
const COUNT: usize = 0;
/// Index of the first.
const FIRST: usize = 4;
/// Bytes of each.
const LENGTH: usize = 8;
/// Whose ring it is about.
const OWNER: usize = 16;
/// Bytes that say whose ring it is about.
pub const OWNER_BYTES: usize = 32;
/// Where the responses are, one behind the other.
pub const CONTENT: usize = 64;

/// Memory of the back end's own that outlives it. It is about one ring at a time, so it serves as
/// many as one thread does.
#[derive(Debug)]
pub struct Redo<M> {
    memory: M,
}

impl<M: SharedMemory> Redo<M> {
    /// Uses `memory`; what it says of an earlier back end is forgotten.
    ///
    /// # Panics
    /// When there is no room for a response.
    pub fn new(memory: M) -> Redo<M> {
        assert!(memory.len() >= CONTENT + LARGEST_SLOT, "too little memory");
        let redo = Redo { memory };
        redo.done();
        redo
    }

    /// Says whose rings it is about from now on.
    pub fn set_owner(&self, owner: &[u8; OWNER_BYTES]) {
        self.done();
        self.memory.write(OWNER, owner);
    }

    /// Responses it has room for.
    fn room<P: Protocol>(&self) -> u32 {
        u32::try_from((self.memory.len() - CONTENT) / P::RESPONSE).unwrap_or(u32::MAX)
    }

    fn put<P: Protocol>(&self, index: u32, response: &P::Response) {
        let mut slot = [0; LARGEST_SLOT];
        P::put_response(response, &mut slot[..P::RESPONSE]);
        self.memory.write(content::<P>(index), &slot[..P::RESPONSE]);
    }

    /// From here on the responses are as good as published.
    fn begin<P: Protocol>(&self, first: u32, count: u32) {
        self.memory.store(FIRST, first, Ordering::Relaxed);
        let length = u32::try_from(P::RESPONSE).unwrap_or(u32::MAX);
        self.memory.store(LENGTH, length, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.memory.store(COUNT, count, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }

    fn done(&self) {
        compiler_fence(Ordering::SeqCst);
        self.memory.store(COUNT, 0, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }
}

/// Where response number `index` of a publication is.
fn content<P: Protocol>(index: u32) -> usize {
    CONTENT + index as usize * P::RESPONSE
}

/// Responses that the front end is shown together.
#[must_use = "nothing is published before `finish`"]
#[derive(Debug)]
pub struct Publication<'a, M, P, R> {
    back: &'a mut Back<M, P>,
    redo: &'a Redo<R>,
    count: u32,
    notify: bool,
    protocol: PhantomData<fn() -> P>,
}

impl<'a, M: SharedMemory, P: Protocol, R: SharedMemory> Publication<'a, M, P, R> {
    pub(super) fn new(back: &'a mut Back<M, P>, redo: &'a Redo<R>) -> Self {
        Publication { back, redo, count: 0, notify: false, protocol: PhantomData }
    }

    /// Answers the oldest request that is not answered. What the record has no room for is
    /// published on the way.
    ///
    /// # Panics
    /// When there is none: that is a fault of the caller.
    pub fn respond(&mut self, response: &P::Response) {
        assert!(self.back.unanswered() > self.count, "a response without a request");
        if self.count == self.redo.room::<P>() {
            self.publish();
        }
        self.redo.put::<P>(self.count, response);
        self.count += 1;
    }

    /// Publishes; true when the front end wants to be notified.
    #[must_use]
    pub fn finish(mut self) -> bool {
        self.publish();
        self.notify
    }

    fn publish(&mut self) {
        let count = core::mem::take(&mut self.count);
        if count > 0 {
            self.redo.begin::<P>(self.back.produced(), count);
            self.notify |= self.back.publish_from(&self.redo.memory, CONTENT, count);
            self.redo.done();
        }
    }
}

/// What a back end that was killed had begun to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished<'a> {
    first: u32,
    length: usize,
    owner: [u8; OWNER_BYTES],
    content: &'a [u8],
}

impl<'a> Unfinished<'a> {
    /// Reads a [`Redo`]'s memory. `None`: there is nothing to finish.
    #[must_use]
    pub fn read(record: &'a [u8]) -> Option<Unfinished<'a>> {
        let head = record.get(..CONTENT)?;
        let (count, length) = (bytes::u32(head, COUNT), bytes::u32(head, LENGTH));
        let len = usize::try_from(count.checked_mul(length)?).ok()?;
        let content = record[CONTENT..].get(..len).filter(|content| !content.is_empty())?;
        let (length, owner) = (usize::try_from(length).ok()?, bytes::get(head, OWNER));
        Some(Unfinished { first: bytes::u32(head, FIRST), length, owner, content })
    }

    /// Whose ring it is about.
    #[must_use]
    pub fn owner(&self) -> [u8; OWNER_BYTES] {
        self.owner
    }

    /// Publishes in the ring in `memory` what was to be published there; may be repeated until a
    /// back end attaches. False: that was done, or it is about another ring.
    pub fn finish<M: SharedMemory, P: Protocol>(&self, memory: &M) -> bool {
        let size = slots::<P>(memory.len());
        let count = u32::try_from(self.content.len() / self.length).unwrap_or(u32::MAX);
        let asked = memory.load(offset::REQ_PROD, Ordering::Acquire).wrapping_sub(self.first);
        let published = memory.load(offset::RSP_PROD, Ordering::Acquire);
        if self.length != P::RESPONSE || published != self.first || !(count..=size).contains(&asked)
        {
            return false;
        }
        for (response, n) in self.content.chunks_exact(self.length).zip(0..) {
            memory.write(place::<P>(self.first.wrapping_add(n), size), response);
        }
        let end = self.first.wrapping_add(count);
        let _ = RESPONSES.publish(memory, &mut { self.first }, end);
        true
    }
}

#[cfg(test)]
#[path = "redo_tests.rs"]
mod tests;
