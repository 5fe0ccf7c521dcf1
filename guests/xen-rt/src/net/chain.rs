//! What the slots of the receive ring say, one after the other: packets in one buffer or in
//! several, with extra information behind the first.

use crate::paging::PAGE_SIZE;
use noxs::net::{RxSlot, flags};

/// What the next slot is about, and what has come of its packet.
pub(super) struct Chain {
    /// Bytes of the longest packet in several buffers.
    longest: usize,
    expects: Expects,
    /// Bytes of the parts that have come.
    bytes: usize,
    /// A part was wrong, or there is no room: the packet is dropped when it has ended.
    dropped: bool,
    is_checked: bool,
}

#[derive(Clone, Copy)]
enum Expects {
    /// A packet's first part.
    Packet,
    /// Another part.
    Part,
    /// Extra information; `more`: another part is behind it.
    Extra { more: bool },
}

/// What to do with the buffer of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It holds a packet.
    Whole { offset: usize, length: usize, is_checked: bool },
    /// It holds a part that goes `at` a place of the packet. `end`: it was the last, and
    /// whether the packet's checksum is known to be right.
    Part { offset: usize, length: usize, at: usize, end: Option<bool> },
    /// There is nothing in it.
    Nothing,
}

impl Chain {
    pub(super) const fn new(longest: usize) -> Self {
        Self { longest, expects: Expects::Packet, bytes: 0, dropped: false, is_checked: false }
    }

    /// Takes the slot that answers buffer `id`.
    pub(super) fn next(&mut self, slot: RxSlot, id: u16) -> Next {
        if let Expects::Extra { more } = self.expects {
            if !slot.extra().more() {
                self.expects = if more { Expects::Part } else { Expects::Packet };
            }
            return Next::Nothing;
        }
        let response = slot.response();
        let is_first = matches!(self.expects, Expects::Packet);
        if is_first {
            let checked = flags::RX_DATA_VALIDATED | flags::RX_CSUM_BLANK;
            (self.bytes, self.dropped) = (0, false);
            self.is_checked = response.flags & checked != 0;
        }
        let more = response.flags & flags::MORE_DATA != 0;
        self.expects = match (response.flags & flags::EXTRA_INFO != 0, more) {
            (true, more) => Expects::Extra { more },
            (false, true) => Expects::Part,
            (false, false) => Expects::Packet,
        };
        let (offset, length) = (usize::from(response.offset), usize::try_from(response.status));
        let length = length.unwrap_or(0);
        let fits = offset + length <= PAGE_SIZE && length > 0 && response.id == id;
        if is_first && !more && fits {
            return Next::Whole { offset, length, is_checked: self.is_checked };
        }
        self.dropped |= !fits || length > self.longest - self.bytes;
        if self.dropped {
            return Next::Nothing;
        }
        let at = self.bytes;
        self.bytes += length;
        Next::Part { offset, length, at, end: (!more).then_some(self.is_checked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noxs::net::{ExtraInfo, RxResponse, extra};

    fn part(id: u16, status: i16, flags: u16) -> RxSlot {
        RxResponse { id, offset: 8, flags, status }.into()
    }

    #[test]
    fn a_packet_in_one_buffer_stays_there() {
        let mut chain = Chain::new(0);
        let whole = |is_checked| Next::Whole { offset: 8, length: 60, is_checked };
        assert_eq!(chain.next(part(3, 60, 0), 3), whole(false));
        assert_eq!(chain.next(part(4, 60, flags::RX_CSUM_BLANK), 4), whole(true));
    }

    #[test]
    fn parts_are_put_one_behind_the_other() {
        let mut chain = Chain::new(9000);
        let first = flags::MORE_DATA | flags::EXTRA_INFO | flags::RX_DATA_VALIDATED;
        let next = |at, length, end| Next::Part { offset: 8, length, at, end };
        assert_eq!(chain.next(part(0, 4000, first), 0), next(0, 4000, None));
        let info = ExtraInfo::gso(extra::GSO_TCPV4, 1448);
        assert_eq!(chain.next(info.into(), 1), Next::Nothing);
        assert_eq!(chain.next(part(2, 4000, flags::MORE_DATA), 2), next(4000, 4000, None));
        assert_eq!(chain.next(part(3, 100, 0), 3), next(8000, 100, Some(true)));
        let whole = Next::Whole { offset: 8, length: 60, is_checked: false };
        assert_eq!(chain.next(part(4, 60, 0), 4), whole);
    }

    /// What is wrong costs its packet, and nothing else.
    #[test]
    fn wrong_packets_are_dropped_whole() {
        for (wrong, longest) in [
            (part(1, -1, 0), 9000),
            (part(1, 0, 0), 9000),
            (part(1, 4089, 0), 9000),
            (part(7, 60, 0), 9000),
            (part(1, 101, 0), 200),
            (part(1, 60, 0), 0),
        ] {
            let mut chain = Chain::new(longest);
            let first = chain.next(part(0, 100, flags::MORE_DATA), 0);
            assert_eq!(matches!(first, Next::Part { .. }), longest > 0, "{first:?}");
            assert_eq!(chain.next(wrong, 1), Next::Nothing);
            let next = chain.next(part(2, 60, 0), 2);
            assert!(matches!(next, Next::Whole { length: 60, .. }), "{next:?}");
        }
    }
}
