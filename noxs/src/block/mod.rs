//! Requests and responses of virtual disks (`public/io/blkif.h`).
//!
//! Sectors are 512 bytes. A request names up to 11 parts of granted pages itself, or up to 8
//! granted pages full of such names.

mod abi;
mod layout;

pub use abi::{Abi32, Abi64};
pub use layout::{get_segment, put_segment};

/// Parts that a request can name itself (`BLKIF_MAX_SEGMENTS_PER_REQUEST`).
pub const SEGMENTS: usize = 11;
/// Pages of names that a request can name (`BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST`).
pub const INDIRECT_PAGES: usize = 8;
/// Bytes of a name in such a page.
pub const SEGMENT_BYTES: usize = 8;
/// Names in such a page.
pub const SEGMENTS_PER_PAGE: usize = 4096 / SEGMENT_BYTES;

/// Operation codes (`BLKIF_OP_*`).
pub mod operation {
    /// From the disk into the parts.
    pub const READ: u8 = 0;
    /// From the parts to the disk.
    pub const WRITE: u8 = 1;
    /// As `WRITE`, after all that was asked before and before all that is asked afterwards.
    pub const WRITE_BARRIER: u8 = 2;
    /// Make durable what was written; then as `WRITE` if there are parts.
    pub const FLUSH_DISKCACHE: u8 = 3;
    /// Give back a range.
    pub const DISCARD: u8 = 5;
    /// `READ` or `WRITE` with parts named in pages.
    pub const INDIRECT: u8 = 6;
}

/// Flag of a discard: no copy may remain (`BLKIF_DISCARD_SECURE`).
pub const DISCARD_SECURE: u8 = 1;

/// How a request ended (`BLKIF_RSP_*`).
pub mod status {
    /// All of it was done.
    pub const OKAY: i16 = 0;
    /// It was not done, or not all of it.
    pub const ERROR: i16 = -1;
    /// This back end does not do such things.
    pub const NOT_SUPPORTED: i16 = -2;
}

/// A part of a granted page, in sectors of that page, both ends included. Nothing is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Which grant.
    pub grant: u32,
    /// The first sector of the page, honestly 0 to 7.
    pub first: u8,
    /// The last one, honestly not before the first.
    pub last: u8,
}

/// A request as it was found in a slot. Nothing is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The front end's own number, echoed in the response.
    pub id: u64,
    /// The first sector on the disk.
    pub sector: u64,
    /// The virtual device, which no back end needs.
    pub handle: u16,
    /// What to do.
    pub body: Body,
}

/// The part of a request that depends on its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Parts of pages, named here. Any operation that has no layout of its own.
    Direct {
        /// See [`operation`].
        operation: u8,
        /// How many of the parts count.
        count: u8,
        /// The parts.
        segments: [Segment; SEGMENTS],
    },
    /// Parts of pages, named in pages.
    Indirect {
        /// What is to be done: `READ` or `WRITE`.
        operation: u8,
        /// How many parts there are.
        count: u16,
        /// Grants of the pages of names.
        pages: [u32; INDIRECT_PAGES],
    },
    /// A range to give back.
    Discard {
        /// See [`DISCARD_SECURE`].
        flag: u8,
        /// Sectors.
        count: u64,
    },
}

impl Request {
    /// The operation code that the response names: of an indirect request the one inside, as
    /// Linux' `blkfront` and `blkback` have it.
    #[must_use]
    pub const fn answered_operation(&self) -> u8 {
        match self.body {
            Body::Indirect { operation, .. } => operation,
            Body::Direct { .. } | Body::Discard { .. } => self.operation(),
        }
    }

    /// The operation code in the slot.
    #[must_use]
    pub const fn operation(&self) -> u8 {
        match self.body {
            Body::Direct { operation, .. } => operation,
            Body::Indirect { .. } => operation::INDIRECT,
            Body::Discard { .. } => operation::DISCARD,
        }
    }
}

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// That of the request.
    pub id: u64,
    /// That of the request.
    pub operation: u8,
    /// See [`status`].
    pub status: i16,
}

#[cfg(test)]
mod tests;
