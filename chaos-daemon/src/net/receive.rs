//! From the switch to the guest: all pieces of a turn whose pages are not mapped are copied by one
//! call.

use lightvm::xen::{CopySegment, GrantMapping};
use noxs::net::{ExtraInfo, Rx, RxRequest, RxResponse, extra, flags, status};
use noxs::ring::Back;
use noxs::ring::redo::Publication;

use super::stats::Errors;
use crate::kept::Kept;
use crate::shard::{Context, Fault, Pages, Turn};
use crate::switch::pool::{HEADROOM, PAGE};
use crate::switch::{Checksum, GsoKind, Packet, PortId};

/// Packets in a turn, and slots.
const MAX_PACKETS: usize = 64;
const MAX_SLOTS: usize = 192;

/// What the guest receives.
pub(super) struct Receive {
    ring: Back<Pages, Rx>,
    port: PortId,
    /// Whether a packet may lie in several pages.
    scatter: bool,
    kept: Kept<GrantMapping>,
}

/// The packets of one turn and the slots for them, in their order.
#[derive(Default)]
struct Batch {
    packets: Vec<Packet>,
    slots: Vec<RxRequest>,
}

/// Why no more packets were gathered.
enum Stop {
    /// There are no more.
    Empty,
    /// The guest has no room.
    Starved,
    /// The turn has its share.
    Full,
}

/// The pieces of a packet: one for each page of its buffer that it touches, so that no
/// copy is split. Offset in the page and length, in bytes.
fn pieces(packet: &Packet) -> impl Iterator<Item = (usize, &[u8])> {
    let frame = packet.frame();
    let (first, rest) = frame.split_at(frame.len().min(PAGE - HEADROOM));
    std::iter::once((HEADROOM, first)).chain(rest.chunks(PAGE).map(|piece| (0, piece)))
}

/// Slots that a packet takes.
fn slots(packet: &Packet) -> usize {
    (HEADROOM + packet.frame().len()).div_ceil(PAGE) + usize::from(packet.offload.gso.is_some())
}

impl Receive {
    /// `kept`: pages that may be kept mapped.
    pub(super) fn new(ring: Pages, port: PortId, scatter: bool, kept: usize) -> Receive {
        Receive { ring: Back::attach(ring), port, scatter, kept: Kept::new(kept) }
    }

    pub(super) fn deliver(
        &mut self,
        context: &mut Context<'_>,
        errors: &mut Errors,
    ) -> Result<Turn, Fault> {
        let mut batch = Batch::default();
        let stop = self.gather(&mut batch, context, errors)?;
        if !batch.packets.is_empty() {
            let done = batch.copy(&mut self.kept, context)?;
            let mut answers = self.ring.publish(context.redo);
            batch.respond(&mut answers, &done, errors);
            if answers.finish() {
                context.bell.ring();
            }
            for packet in batch.packets {
                context.fabric.received(self.port, packet.frame().len());
                context.fabric.pool().recycle(packet);
            }
        }
        Ok(Turn { again: matches!(stop, Stop::Full), wake: None })
    }

    fn gather(
        &mut self,
        batch: &mut Batch,
        context: &mut Context<'_>,
        errors: &mut Errors,
    ) -> Result<Stop, Fault> {
        while batch.packets.len() < MAX_PACKETS && batch.slots.len() < MAX_SLOTS {
            let Some(packet) = context.fabric.front(self.port) else { return Ok(Stop::Empty) };
            let needed = slots(packet);
            if needed > 1 && !self.scatter {
                errors.too_long += 1;
                let packet = context.fabric.pop(self.port);
                packet.into_iter().for_each(|packet| context.fabric.pool().recycle(packet));
                continue;
            }
            if !self.has(needed)? {
                return Ok(Stop::Starved);
            }
            for _ in 0..needed {
                batch.slots.extend(self.ring.next_request()?);
            }
            batch.packets.extend(context.fabric.pop(self.port));
        }
        Ok(Stop::Full)
    }

    /// Whether there is room for a packet of so many slots; if not, the guest notifies
    /// when it has made some.
    fn has(&mut self, needed: usize) -> Result<bool, Fault> {
        loop {
            let known = self.ring.waiting()?;
            if known as usize >= needed {
                return Ok(true);
            }
            if !self.ring.ask_for_more(known)? {
                return Ok(false);
            }
        }
    }
}

fn response(id: u16, offset: usize, bytes: &[u8], flags: u16, copied: bool) -> RxResponse {
    let offset = u16::try_from(offset).expect("within a page");
    let len = i16::try_from(bytes.len()).expect("a page at most");
    RxResponse { id, offset, flags, status: if copied { len } else { status::ERROR } }
}

fn first_flags(packet: &Packet) -> u16 {
    let checksum = match packet.offload.checksum {
        Checksum::Present => 0,
        Checksum::Verified => flags::RX_DATA_VALIDATED,
        Checksum::Blank { .. } => flags::RX_DATA_VALIDATED | flags::RX_CSUM_BLANK,
    };
    let extra = if packet.offload.gso.is_some() { flags::EXTRA_INFO } else { 0 };
    checksum | extra
}

fn extra(packet: &Packet) -> Option<ExtraInfo> {
    let gso = packet.offload.gso?;
    let kind = match gso.kind {
        GsoKind::Tcp4 => extra::GSO_TCPV4,
        GsoKind::Tcp6 => extra::GSO_TCPV6,
    };
    Some(ExtraInfo::gso(kind, gso.size))
}

impl Batch {
    /// Answers every slot; `done` tells of each piece whether it was copied.
    fn respond(
        &self,
        answers: &mut Publication<'_, Pages, Rx, Pages>,
        done: &[bool],
        errors: &mut Errors,
    ) {
        let mut slots = self.slots.iter();
        let mut done = done.iter();
        for packet in &self.packets {
            let count = pieces(packet).count();
            for (n, (offset, bytes)) in pieces(packet).enumerate() {
                let (Some(slot), Some(&copied)) = (slots.next(), done.next()) else { return };
                let mut flags = if n + 1 < count { flags::MORE_DATA } else { 0 };
                if n == 0 {
                    flags |= first_flags(packet);
                }
                if !copied {
                    errors.receive_grants += 1;
                }
                answers.respond(&response(slot.id, offset, bytes, flags, copied).into());
                if n == 0
                    && let Some(extra) = extra(packet)
                {
                    slots.next();
                    answers.respond(&extra.into());
                }
            }
        }
    }

    /// Copies the packets to the guest's pages; tells of each piece whether it was.
    fn copy(
        &self,
        kept: &mut Kept<GrantMapping>,
        context: &mut Context<'_>,
    ) -> Result<Vec<bool>, Fault> {
        let mut done = Vec::with_capacity(self.slots.len());
        // What is not mapped, and which piece it is.
        let (mut segments, mut places) = (Vec::new(), Vec::new());
        for (slot, offset, bytes) in self.pieces() {
            match kept.page(slot.grant, context.grants, context.domain, context.now) {
                Some(page) => {
                    page.write(offset, bytes);
                    done.push(true);
                }
                None => {
                    let offset = u16::try_from(offset).expect("within a page");
                    segments.push(CopySegment::write(slot.grant, offset, bytes));
                    places.push(done.len());
                    done.push(false);
                }
            }
        }
        if !segments.is_empty() {
            let copied = context.grants.copy(context.domain, &mut segments);
            copied.map_err(|e| Fault::Host(e.to_string()))?;
        }
        places.iter().zip(&segments).for_each(|(&at, segment)| done[at] = segment.is_done());
        Ok(done)
    }

    /// Every piece of the packets with the slot it goes to and where in its page.
    fn pieces(&self) -> impl Iterator<Item = (&RxRequest, usize, &[u8])> {
        let mut slots = self.slots.iter();
        let pieces = self.packets.iter().flat_map(|packet| {
            let long = packet.offload.gso.is_some();
            pieces(packet)
                .enumerate()
                .map(move |(n, (offset, bytes))| (offset, bytes, n == 0 && long))
        });
        pieces.map_while(move |(offset, bytes, has_extra)| {
            let slot = slots.next()?;
            if has_extra {
                // The slot of the extra information: its page stays empty.
                slots.next();
            }
            Some((slot, offset, bytes))
        })
    }
}
