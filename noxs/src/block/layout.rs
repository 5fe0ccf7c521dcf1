//! Where fields are in a slot, from the structures of `public/io/blkif.h`.

use super::{Body, INDIRECT_PAGES, Request, Response, SEGMENT_BYTES, SEGMENTS, Segment, operation};
use crate::bytes::{get, put, u16, u32, u64};

/// What differs between the layouts.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Offset of `id`; sector and the rest follow.
    pub(super) id: usize,
    /// Bytes of a response.
    pub(super) response: usize,
}

impl Layout {
    const fn sector(self) -> usize {
        self.id + 8
    }

    /// Where segments, a discard's length or an indirect request's handle are.
    const fn rest(self) -> usize {
        self.id + 16
    }

    pub(super) const fn slot(self) -> usize {
        self.rest() + SEGMENTS * SEGMENT_BYTES
    }

    const fn indirect_page(self, page: usize) -> usize {
        self.rest() + 4 + page * 4
    }
}

pub(super) fn get_request(layout: Layout, slot: &[u8]) -> Request {
    let rest = layout.rest();
    let (mut handle, second) = (u16(slot, 2), slot[1]);
    let body = match slot[0] {
        operation::INDIRECT => {
            // Its count is where the others have their handle.
            let count = core::mem::replace(&mut handle, u16(slot, rest));
            let pages = core::array::from_fn(|page| u32(slot, layout.indirect_page(page)));
            Body::Indirect { operation: second, count, pages }
        }
        operation::DISCARD => Body::Discard { flag: second, count: u64(slot, rest) },
        operation => {
            let segments = core::array::from_fn(|n| get_segment(slot, rest + n * SEGMENT_BYTES));
            Body::Direct { operation, count: second, segments }
        }
    };
    let (id, sector) = (u64(slot, layout.id), u64(slot, layout.sector()));
    Request { id, sector, handle, body }
}

pub(super) fn put_request(layout: Layout, request: &Request, slot: &mut [u8]) {
    slot.fill(0);
    slot[0] = request.operation();
    put(slot, 2, &request.handle.to_le_bytes());
    put(slot, layout.id, &request.id.to_le_bytes());
    put(slot, layout.sector(), &request.sector.to_le_bytes());
    let rest = layout.rest();
    match &request.body {
        Body::Direct { count, segments, .. } => {
            slot[1] = *count;
            for (n, segment) in segments.iter().enumerate() {
                put_segment(slot, rest + n * SEGMENT_BYTES, segment);
            }
        }
        Body::Indirect { operation, count, pages } => {
            slot[1] = *operation;
            put(slot, 2, &count.to_le_bytes());
            put(slot, rest, &request.handle.to_le_bytes());
            for (n, page) in pages.iter().enumerate().take(INDIRECT_PAGES) {
                put(slot, layout.indirect_page(n), &page.to_le_bytes());
            }
        }
        Body::Discard { flag, count } => {
            slot[1] = *flag;
            put(slot, rest, &count.to_le_bytes());
        }
    }
}

pub(super) fn get_response(slot: &[u8]) -> Response {
    let status = i16::from_le_bytes(get(slot, 10));
    Response { id: u64(slot, 0), operation: slot[8], status }
}

pub(super) fn put_response(response: &Response, slot: &mut [u8]) {
    put(slot, 0, &response.id.to_le_bytes());
    slot[8] = response.operation;
    put(slot, 10, &response.status.to_le_bytes());
}

/// The name of a part at `at`.
///
/// # Panics
/// When `bytes` ends within it.
#[must_use]
pub fn get_segment(bytes: &[u8], at: usize) -> Segment {
    Segment { grant: u32(bytes, at), first: bytes[at + 4], last: bytes[at + 5] }
}

/// Puts the name of a part at `at`.
///
/// # Panics
/// As [`get_segment`].
pub fn put_segment(bytes: &mut [u8], at: usize, segment: &Segment) {
    put(bytes, at, &segment.grant.to_le_bytes());
    put(bytes, at + 4, &[segment.first, segment.last]);
}
