//! From the guest to the switch: all pieces of a turn that are not mapped are copied by one call.

use std::time::Instant;

use lightvm::xen::{CopySegment, GrantView};
use noxs::net::{Tx, TxResponse, flags, status};
use noxs::ring::Back;
use noxs::ring::redo::Publication;

use super::limit::Limit;
use super::request::{self, Description, Piece, Wrong};
use super::stats::Errors;
use crate::kept::Kept;
use crate::shard::{Context, Fault, Pages, Turn};
use crate::switch::{Checksum, Packet, PortId, checksum, segment};

/// Packets in a turn, and bytes.
const MAX_PACKETS: usize = 64;
const MAX_BYTES: usize = 512 << 10;

/// What the guest sends.
pub(super) struct Transmit {
    ring: Back<Pages, Tx>,
    port: PortId,
    limit: Limit,
    kept: Kept<GrantView>,
    /// Turns that ended because of the limit.
    throttled: u64,
}

/// The packets of one turn.
#[derive(Default)]
struct Batch {
    descriptions: Vec<Description>,
    pieces: Vec<Piece>,
    bytes: usize,
}

impl Transmit {
    /// `kept`: pages that may be kept mapped.
    pub(super) fn new(ring: Pages, port: PortId, limit: Limit, kept: usize) -> Transmit {
        Transmit { ring: Back::attach(ring), port, limit, kept: Kept::new(kept), throttled: 0 }
    }

    /// How often what the guest sends had to wait for its rate.
    pub(super) fn throttled(&self) -> u64 {
        self.throttled
    }

    pub(super) fn service(
        &mut self,
        context: &mut Context<'_>,
        errors: &mut Errors,
    ) -> Result<Turn, Fault> {
        let mut batch = Batch::default();
        let wake = self.gather(&mut batch, context.now)?;
        if !batch.descriptions.is_empty() {
            self.carry_out(&mut batch, context, errors)?;
        }
        let full = batch.is_full();
        match wake {
            Some(_) => Ok(Turn { again: false, wake }),
            None if full || self.ring.final_check()? => Ok(Turn::AGAIN),
            None => Ok(Turn::DONE),
        }
    }

    /// Reads descriptions until there are no more, or enough; says when to go on if that
    /// is because of the limit.
    fn gather(&mut self, batch: &mut Batch, now: Instant) -> Result<Option<Instant>, Fault> {
        while !batch.is_full() {
            if self.ring.waiting()? == 0 {
                break;
            }
            if let Some(later) = self.limit.wait(now) {
                self.throttled += 1;
                return Ok(Some(later));
            }
            let Some(packet) = request::next(&mut self.ring, &mut batch.pieces)? else { break };
            self.limit.spend(u64::from(packet.size));
            batch.bytes += usize::from(packet.size);
            batch.descriptions.push(packet);
        }
        Ok(None)
    }

    fn carry_out(
        &mut self,
        batch: &mut Batch,
        context: &mut Context<'_>,
        errors: &mut Errors,
    ) -> Result<(), Fault> {
        let packets = batch.copy(&mut self.kept, context)?;
        for (description, packet) in batch.descriptions.iter_mut().zip(packets) {
            if let Some(packet) = packet {
                self.send(description, packet, context);
            }
            if let Err(wrong) = description.state {
                errors.count(wrong);
            }
        }
        let mut publication = self.ring.publish(context.redo);
        for description in &batch.descriptions {
            respond(&mut publication, description, &batch.pieces);
        }
        if publication.finish() {
            context.bell.ring();
        }
        Ok(())
    }

    /// Hands the switch a packet whose bytes are here.
    fn send(&self, description: &mut Description, mut packet: Packet, context: &mut Context<'_>) {
        if description.state.is_ok() && describe(&mut packet, description).is_err() {
            description.wrong(Wrong::Headers);
        }
        match description.state {
            Ok(()) => context.fabric.input(self.port, packet, context.now),
            Err(_) => context.fabric.pool().recycle(packet),
        }
    }
}

/// Notes in `packet` what the guest left to be done.
fn describe(packet: &mut Packet, description: &Description) -> Result<(), ()> {
    let blank = description.flags & flags::TX_CSUM_BLANK != 0;
    if blank || description.gso.is_some() {
        let at = checksum::mark_blank(packet).map_err(drop)?;
        if !blank {
            checksum::seed(packet.frame_mut(), &at);
        }
    } else if description.flags & flags::TX_DATA_VALIDATED != 0 {
        packet.offload.checksum = Checksum::Verified;
    }
    packet.offload.gso = description.gso;
    segment::check(packet).map_err(drop)
}

/// Answers every slot of a packet, in their order.
fn respond(
    answers: &mut Publication<'_, Pages, Tx, Pages>,
    description: &Description,
    pieces: &[Piece],
) {
    let status = if description.state.is_ok() { status::OKAY } else { status::ERROR };
    let mut pieces = pieces[description.pieces.clone()].iter();
    if let Some(first) = pieces.next() {
        answers.respond(&TxResponse { id: first.id, status });
    }
    for _ in 0..description.extras {
        answers.respond(&TxResponse { id: 0, status: status::NULL });
    }
    for piece in pieces {
        answers.respond(&TxResponse { id: piece.id, status });
    }
}

impl Batch {
    fn is_full(&self) -> bool {
        self.descriptions.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    /// Copies the packets that are in order from the guest's pages; none for the others.
    fn copy(
        &mut self,
        kept: &mut Kept<GrantView>,
        context: &mut Context<'_>,
    ) -> Result<Vec<Option<Packet>>, Fault> {
        let mut packets = self.packets(context);
        let Batch { descriptions, pieces, .. } = self;
        // What is not mapped, and which packet it belongs to.
        let (mut segments, mut owners) = (Vec::new(), Vec::new());
        for (n, (description, packet)) in descriptions.iter().zip(&mut packets).enumerate() {
            let Some(packet) = packet else { continue };
            let mut rest = packet.frame_mut();
            for piece in &pieces[description.pieces.clone()] {
                let (to, behind) = rest.split_at_mut(usize::from(piece.size));
                rest = behind;
                match kept.page(piece.grant, context.grants, context.domain, context.now) {
                    Some(page) => page.read(usize::from(piece.offset), to),
                    None => {
                        segments.push(CopySegment::read(piece.grant, piece.offset, to));
                        owners.push(n);
                    }
                }
            }
        }
        if !segments.is_empty() {
            let copied = context.grants.copy(context.domain, &mut segments);
            copied.map_err(|e| Fault::Host(e.to_string()))?;
        }
        for (_, &owner) in segments.iter().zip(&owners).filter(|(segment, _)| !segment.is_done()) {
            descriptions[owner].wrong(Wrong::Grant);
        }
        Ok(packets)
    }

    /// Empty packets for those that are in order.
    fn packets(&self, context: &mut Context<'_>) -> Vec<Option<Packet>> {
        let pool = context.fabric.pool();
        let packet = |d: &Description| d.state.is_ok().then(|| pool.packet(usize::from(d.size)));
        self.descriptions.iter().map(packet).collect()
    }
}
