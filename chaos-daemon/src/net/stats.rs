//! What was wrong with packets on an interface's rings.

use super::request::Wrong;

/// Counters of an interface since it was connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Sizes that contradict each other.
    pub size: u64,
    /// Pieces over the end of their page.
    pub page_end: u64,
    /// Packets in too many pieces.
    pub pieces: u64,
    /// Kinds of long packets there are not.
    pub gso: u64,
    /// Pages for sending that were not granted.
    pub transmit_grants: u64,
    /// Pages for receiving that were not granted.
    pub receive_grants: u64,
    /// Headers that did not fit what was left to do.
    pub headers: u64,
    /// Packets longer than the guest takes.
    pub too_long: u64,
}

impl Errors {
    pub(super) fn count(&mut self, wrong: Wrong) {
        let counter = match wrong {
            Wrong::Size => &mut self.size,
            Wrong::PageEnd => &mut self.page_end,
            Wrong::Pieces => &mut self.pieces,
            Wrong::Gso => &mut self.gso,
            Wrong::Grant => &mut self.transmit_grants,
            Wrong::Headers => &mut self.headers,
        };
        *counter += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let Errors { size, page_end, pieces, gso, .. } = self;
        let Errors { transmit_grants, receive_grants, headers, too_long, .. } = self;
        size + page_end + pieces + gso + transmit_grants + receive_grants + headers + too_long
    }
}
