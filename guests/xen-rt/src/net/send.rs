//! The way out.

use super::MOST;
use crate::bitmap::Bitmap;
use crate::grant::Granted;
use crate::paging::PAGE_SIZE;
use noxs::RawShared;
use noxs::net::{Tx, TxRequest, flags};
use noxs::ring::Front;

/// Who computes the checksum of a packet's TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is there, or the packet has none.
    Present,
    /// The host: in its place stands the sum over the pseudo header.
    Blank,
}

/// Sends packets.
pub struct Sender {
    ring: Front<RawShared, Tx>,
    buffers: Granted<MOST>,
    used: Bitmap<1>,
}

impl Sender {
    pub(super) fn new(ring: RawShared, buffers: Granted<MOST>) -> Self {
        Self { ring: Front::attach(ring), buffers, used: Bitmap::new() }
    }

    pub(super) fn end(self) -> Granted<MOST> {
        self.buffers
    }

    pub(super) fn push(&mut self) -> bool {
        self.ring.push()
    }

    /// Whether there is room where there was none. If not, the host will tell of it.
    pub(super) fn has_room_again(&mut self) -> bool {
        !self.has_room() && self.ring.final_check().unwrap_or(false)
    }

    /// Whether there is a free buffer.
    pub fn has_room(&mut self) -> bool {
        // A host that answers what was not asked gets no more packets.
        while let Ok(Some(response)) = self.ring.next_response() {
            self.used.free(u32::from(response.id));
        }
        self.used.has_free(self.buffers.count()) && self.ring.free() > 0
    }

    /// Sends a packet of `length` bytes, at most a page, that `fill` writes; what was there
    /// before it does so is old. It leaves with the next [`Net::flush`](super::Net::flush).
    /// `None` when there is no room.
    pub fn send<R>(
        &mut self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> (R, Checksum),
    ) -> Option<R> {
        if !self.has_room() || length > PAGE_SIZE {
            return None;
        }
        let index = self.used.take(self.buffers.count())?;
        // SAFETY: the buffer is free: the host has answered what it was used for before.
        let page = unsafe { self.buffers.bytes(index as usize, 1) };
        let (result, checksum) = fill(&mut page[..length]);
        let request = TxRequest {
            grant: self.buffers.number(index as usize),
            offset: 0,
            flags: match checksum {
                Checksum::Present => 0,
                Checksum::Blank => flags::TX_CSUM_BLANK | flags::TX_DATA_VALIDATED,
            },
            id: u16::try_from(index).ok()?,
            size: u16::try_from(length).ok()?,
        };
        self.ring.request(&request.into());
        Some(result)
    }
}
