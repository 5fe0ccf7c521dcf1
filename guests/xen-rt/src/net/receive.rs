//! The way in.

use super::MOST;
use super::chain::{Chain, Next};
use crate::grant::Granted;
use crate::pages::Pages;
use crate::paging::PAGE_SIZE;
use noxs::RawShared;
use noxs::net::{Rx, RxRequest, RxSlot};
use noxs::ring::Front;

/// A packet that has come.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// All of it, from its Ethernet header on.
    pub bytes: &'a [u8],
    /// The host says that its TCP or UDP checksum is right, or that it needs none.
    pub is_checked: bool,
}

/// Where a packet is that has come.
#[derive(Clone, Copy)]
struct Ready {
    /// Its buffer and where in there it begins; `None`: it was put together.
    buffer: Option<(u16, usize)>,
    length: usize,
    is_checked: bool,
}

/// Receives packets.
pub struct Receiver {
    ring: Front<RawShared, Rx>,
    buffers: Granted<MOST>,
    /// The buffers that the host has, in the order of its answers.
    lent: Lent,
    whole: Pages,
    chain: Chain,
    ready: Option<Ready>,
}

/// Numbers of buffers, first in, first out.
struct Lent {
    ids: [u16; MOST],
    next: usize,
    count: usize,
}

impl Lent {
    fn push(&mut self, id: u16) {
        self.ids[(self.next + self.count) % MOST] = id;
        self.count += 1;
    }

    fn pop(&mut self) -> Option<u16> {
        self.count = self.count.checked_sub(1)?;
        let id = self.ids[self.next];
        self.next = (self.next + 1) % MOST;
        Some(id)
    }
}

impl Receiver {
    pub(super) fn new(ring: RawShared, buffers: Granted<MOST>, whole: Pages) -> Self {
        let chain = Chain::new(whole.count() * PAGE_SIZE);
        let lent = Lent { ids: [0; MOST], next: 0, count: 0 };
        let ring = Front::attach(ring);
        let mut receiver = Self { ring, buffers, lent, whole, chain, ready: None };
        let count = u16::try_from(receiver.buffers.count()).unwrap_or(0);
        (0..count).for_each(|id| receiver.give(id));
        receiver
    }

    pub(super) fn end(self) -> (Granted<MOST>, Pages) {
        (self.buffers, self.whole)
    }

    pub(super) fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// Whether a packet is there. If not, the host will tell of the next.
    pub(super) fn has_packet_or_waits(&mut self) -> bool {
        self.has_packet() || self.ring.final_check().unwrap_or(false)
    }

    /// Gives the host a buffer to fill. Each is given once, until it is answered.
    fn give(&mut self, id: u16) {
        let grant = self.buffers.number(usize::from(id));
        self.ring.request(&RxRequest { id, grant });
        self.lent.push(id);
    }

    /// Whether a packet has come.
    pub fn has_packet(&mut self) -> bool {
        while self.ready.is_none() {
            match self.ring.next_response() {
                Ok(Some(slot)) => self.consider(slot),
                // A host that answers what was not asked is heard no more.
                Ok(None) | Err(_) => return false,
            }
        }
        true
    }

    /// Takes the next slot of the ring, which is about the buffer lent first.
    fn consider(&mut self, slot: RxSlot) {
        let Some(id) = self.lent.pop() else { return };
        match self.chain.next(slot, id) {
            Next::Whole { offset, length, is_checked } => {
                self.ready = Some(Ready { buffer: Some((id, offset)), length, is_checked });
                return;
            }
            Next::Part { offset, length, at, end } => {
                self.copy(id, offset, length, at);
                self.ready =
                    end.map(|is_checked| Ready { buffer: None, length: at + length, is_checked });
            }
            Next::Nothing => {}
        }
        self.give(id);
    }

    /// Puts a part of a packet in its place.
    fn copy(&mut self, id: u16, offset: usize, length: usize, at: usize) {
        let pages = self.whole.count();
        // SAFETY: the host has answered and so filled the buffer; it gets it back later.
        let from = unsafe { self.buffers.bytes(usize::from(id), 1) };
        // SAFETY: these pages are granted to nobody.
        let to = unsafe { self.whole.bytes(0, pages) };
        to[at..at + length].copy_from_slice(&from[offset..offset + length]);
    }

    /// Looks at the packet that has come, if one has; it stays.
    pub fn peek<R>(&mut self, read: impl FnOnce(Packet<'_>) -> R) -> Option<R> {
        if !self.has_packet() {
            return None;
        }
        let Ready { buffer, length, is_checked } = self.ready?;
        let bytes = match buffer {
            // SAFETY: the host has answered and so filled the buffer; it gets it back only
            // when the packet is taken.
            Some((id, offset)) => unsafe { self.buffers.bytes(id.into(), 1) }.get(offset..)?,
            // SAFETY: these pages are granted to nobody.
            None => unsafe { self.whole.bytes(0, self.whole.count()) },
        };
        Some(read(Packet { bytes: &bytes[..length], is_checked }))
    }

    /// Takes the packet that has come, if one has; its buffer goes back to the host.
    pub fn take<R>(&mut self, read: impl FnOnce(Packet<'_>) -> R) -> Option<R> {
        let result = self.peek(read)?;
        if let Some(Ready { buffer: Some((id, _)), .. }) = self.ready.take() {
            self.give(id);
        }
        Some(result)
    }
}
