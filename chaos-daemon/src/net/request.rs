//! Packets as the guest describes them in its ring: read once, bounded, judged.

use std::ops::Range;

use noxs::SharedMemory;
use noxs::net::{Tx, TxRequest, extra, flags};
use noxs::ring::{Back, RingError};

use crate::shard::Fault;
use crate::switch::frame::ETHERNET;
use crate::switch::pool::PAGE;
use crate::switch::{Gso, GsoKind};

/// Pieces of a packet that are copied (`XEN_NETIF_NR_SLOTS_MIN`).
pub(super) const MAX_PIECES: usize = 18;
/// Pieces of a packet that an old front end may use; with more it is disconnected.
const FATAL_PIECES: usize = 20;
/// There are four kinds of extra information, and each is there once.
const MAX_EXTRAS: u8 = 4;

/// A piece of a packet in a page of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The page.
    pub grant: u32,
    /// Where in the page it begins.
    pub offset: u16,
    /// Bytes.
    pub size: u16,
    /// The front end's own number.
    pub id: u16,
}

/// Why a packet is not sent. The guest is told that it was wrong and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Shorter than an Ethernet header, or its sizes contradict each other.
    Size,
    /// A piece runs over the end of its page.
    PageEnd,
    /// More pieces than are copied.
    Pieces,
    /// A kind of long packet there is not.
    Gso,
    /// A page is not granted.
    Grant,
    /// Headers that do not fit what is left to do.
    Headers,
}

/// A packet as the guest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its pieces, among those of the turn.
    pub pieces: Range<usize>,
    /// Slots with extra information.
    pub extras: u8,
    /// Those of its first slot.
    pub flags: u16,
    /// Bytes of the whole.
    pub size: u16,
    /// How it is to be cut.
    pub gso: Option<Gso>,
    /// Whether it can be sent.
    pub state: Result<(), Wrong>,
}

impl From<RingError> for Fault {
    fn from(e: RingError) -> Fault {
        Fault::Ring { producer: e.produced, consumer: e.consumed, size: e.size }
    }
}

const CUT: Fault = Fault::Protocol("a packet in the transmit ring whose rest is missing");

/// Reads the next packet's description and puts its pieces behind those of the turn.
///
/// # Errors
/// [`Fault`]: after this the front end cannot be understood any more.
pub fn next<M: SharedMemory>(
    ring: &mut Back<M, Tx>,
    pieces: &mut Vec<Piece>,
) -> Result<Option<Description>, Fault> {
    let Some(slot) = ring.next_request()? else { return Ok(None) };
    let head = slot.request();
    let mut packet = Description {
        pieces: pieces.len()..pieces.len(),
        extras: 0,
        flags: head.flags,
        size: head.size,
        gso: None,
        state: Ok(()),
    };
    if head.flags & flags::EXTRA_INFO != 0 {
        packet.read_extras(ring)?;
    }
    packet.read_pieces(ring, head, pieces)?;
    packet.judge(&mut pieces[packet.pieces.clone()]);
    Ok(Some(packet))
}

impl Description {
    fn read_extras<M: SharedMemory>(&mut self, ring: &mut Back<M, Tx>) -> Result<(), Fault> {
        loop {
            let extra = ring.next_request()?.ok_or(CUT)?.extra();
            self.extras += 1;
            match extra.kind {
                extra::GSO => {
                    let (kind, size) = extra.as_gso().unwrap_or_default();
                    self.gso = gso(kind, size);
                    if self.gso.is_none() && (kind, size) != (0, 0) {
                        self.state = Err(Wrong::Gso);
                    }
                }
                extra::MCAST_ADD | extra::MCAST_DEL | extra::HASH => {}
                _ => return Err(Fault::Protocol("extra information of a kind there is not")),
            }
            if !extra.more() {
                return Ok(());
            }
            if self.extras >= MAX_EXTRAS {
                return Err(Fault::Protocol("extra information without an end"));
            }
        }
    }

    fn read_pieces<M: SharedMemory>(
        &mut self,
        ring: &mut Back<M, Tx>,
        head: TxRequest,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Fault> {
        let mut piece = head;
        loop {
            let TxRequest { grant, offset, size, id, .. } = piece;
            pieces.push(Piece { grant, offset, size, id });
            self.pieces.end += 1;
            if piece.flags & flags::MORE_DATA == 0 {
                return Ok(());
            }
            if self.pieces.len() == FATAL_PIECES {
                return Err(Fault::Protocol("a packet in more than 20 pieces"));
            }
            piece = ring.next_request()?.ok_or(CUT)?.request();
        }
    }

    /// Finds the size of the first piece and checks all of them.
    fn judge(&mut self, pieces: &mut [Piece]) {
        let rest: usize = pieces[1..].iter().map(|piece| usize::from(piece.size)).sum();
        let Ok(rest) = u16::try_from(rest) else { return self.wrong(Wrong::Size) };
        let Some(first) = self.size.checked_sub(rest) else { return self.wrong(Wrong::Size) };
        pieces[0].size = first;
        let over = |piece: &Piece| usize::from(piece.offset) + usize::from(piece.size) > PAGE;
        if pieces.len() > MAX_PIECES {
            self.wrong(Wrong::Pieces);
        } else if usize::from(self.size) < ETHERNET {
            self.wrong(Wrong::Size);
        } else if pieces.iter().any(over) {
            self.wrong(Wrong::PageEnd);
        }
    }

    /// Notes why it cannot be sent; the first reason counts.
    pub fn wrong(&mut self, wrong: Wrong) {
        self.state = self.state.and(Err(wrong));
    }
}

fn gso(kind: u8, size: u16) -> Option<Gso> {
    let kind = match kind {
        extra::GSO_TCPV4 => GsoKind::Tcp4,
        extra::GSO_TCPV6 => GsoKind::Tcp6,
        _ => return None,
    };
    (size > 0).then_some(Gso { kind, size })
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
