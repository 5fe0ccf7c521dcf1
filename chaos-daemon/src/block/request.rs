//! What a guest asks of its disk, checked. Pure: a request and the disk's bounds in, a command
//! or the reason against it out.

use noxs::block::{
    Body, DISCARD_SECURE, INDIRECT_PAGES, Request, SEGMENT_BYTES, SEGMENTS, SEGMENTS_PER_PAGE,
    Segment, get_segment, operation, status,
};
use thiserror::Error;

use super::buffer;
use super::disk::{Disk, SECTOR};

/// Most parts of an indirect request that is served; their names fit into one page.
pub const MAX_INDIRECT: usize = 256;

const PAGE: usize = 4096;
const SECTORS_PER_PAGE: u8 = 8;
const _: () = assert!(MAX_INDIRECT <= SEGMENTS_PER_PAGE && INDIRECT_PAGES > 0);
const _: () = assert!(MAX_INDIRECT * PAGE <= buffer::LARGEST);

/// What a disk lets its guest do.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Size in sectors of 512 bytes.
    pub sectors: u64,
    /// Whether it may be written.
    pub writable: bool,
    /// Whether ranges may be given back.
    pub discard: bool,
}

impl Bounds {
    /// Those of `disk`.
    pub fn of(disk: &Disk) -> Bounds {
        let (sectors, writable, discard) = (disk.sectors(), disk.writable(), disk.can_discard());
        Bounds { sectors, writable, discard }
    }
}

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// An operation code without meaning.
    #[error("unknown operation {0}")]
    Operation(u8),
    /// A write to a disk that is read-only.
    #[error("the disk is read-only")]
    ReadOnly,
    /// A discard where it was not offered, or a secure one, which never is.
    #[error("discarding is not offered")]
    NoDiscard,
    /// None, or more than the protocol allows.
    #[error("{0} segments")]
    Segments(u16),
    /// A part that ends before it begins, or outside its page.
    #[error("a segment from sector {first} to {last} of a page")]
    Segment {
        /// Its first sector.
        first: u8,
        /// Its last sector.
        last: u8,
    },
    /// Outside the disk.
    #[error("{count} sectors from {sector} on are not within the disk")]
    Range {
        /// The first sector.
        sector: u64,
        /// How many.
        count: u64,
    },
}

impl Refusal {
    /// What the guest is answered.
    pub fn status(self) -> i16 {
        match self {
            Refusal::Operation(_) | Refusal::NoDiscard => status::NOT_SUPPORTED,
            _ => status::ERROR,
        }
    }
}

/// A part of a page that a guest grants, within that page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which grant.
    pub grant: u32,
    /// Where in the page, in bytes.
    pub offset: u16,
    /// Bytes, at least 512.
    pub len: u16,
}

impl Part {
    fn of(segment: Segment) -> Result<Part, Refusal> {
        let Segment { grant, first, last } = segment;
        if first > last || last >= SECTORS_PER_PAGE {
            return Err(Refusal::Segment { first, last });
        }
        let bytes = |sectors: u8| u16::from(sectors) * 512;
        Ok(Part { grant, offset: bytes(first), len: bytes(last - first + 1) })
    }
}

/// Bytes of a disk, within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub offset: u64,
    /// How many.
    pub len: u64,
}

impl Range {
    /// `count` sectors from `sector` on.
    ///
    /// # Errors
    /// [`Refusal::Range`].
    pub fn of(sector: u64, count: u64, bounds: Bounds) -> Result<Range, Refusal> {
        let end = sector.checked_add(count).filter(|&end| end <= bounds.sectors);
        end.map(|_| Range { offset: sector * SECTOR, len: count * SECTOR })
            .ok_or(Refusal::Range { sector, count })
    }

    /// As long as `parts` together.
    ///
    /// # Errors
    /// [`Refusal::Range`].
    pub fn for_parts(sector: u64, parts: &[Part], bounds: Bounds) -> Result<Range, Refusal> {
        let bytes: u64 = parts.iter().map(|part| u64::from(part.len)).sum();
        Range::of(sector, bytes / SECTOR, bounds)
    }
}

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Move data.
    Transfer(Transfer),
    /// Make durable what was written, without data.
    Flush,
    /// Give back a range.
    Discard(Range),
}

/// How a transfer stands to those before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In any order.
    Free,
    /// After a flush.
    AfterFlush,
    /// After a flush, durable, and before everything that follows.
    Barrier,
}

/// Data to be moved between a disk and pages of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// To the disk, or from it.
    pub write: bool,
    /// Reads are always free.
    pub order: Order,
    /// The first sector on the disk, unchecked until the parts are known.
    pub sector: u64,
    /// Where in the guest.
    pub parts: Parts,
}

/// The pieces of a guest's memory that a transfer concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Known, 1 to 11.
    Here(Vec<Part>),
    /// To be read from a page of the guest.
    Named {
        /// The page's grant.
        grant: u32,
        /// How many, 1 to [`MAX_INDIRECT`].
        count: usize,
    },
}

impl Parts {
    /// The most bytes they can be.
    pub fn most_bytes(&self) -> usize {
        match self {
            Parts::Here(parts) => parts.len() * PAGE,
            Parts::Named { count, .. } => count * PAGE,
        }
    }
}

impl Command {
    /// What `request` asks for.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn of(request: &Request, bounds: Bounds) -> Result<Command, Refusal> {
        match &request.body {
            Body::Direct { operation, count, segments } => {
                direct(*operation, request.sector, *count, segments, bounds)
            }
            Body::Indirect { operation, count, pages } => {
                indirect(*operation, request.sector, *count, pages[0], bounds)
            }
            Body::Discard { flag, count } => discard(*flag, request.sector, *count, bounds),
        }
    }
}

fn direct(
    code: u8,
    sector: u64,
    count: u8,
    segments: &[Segment; SEGMENTS],
    bounds: Bounds,
) -> Result<Command, Refusal> {
    let (write, order) = match code {
        operation::READ => (false, Order::Free),
        operation::WRITE => (true, Order::Free),
        operation::FLUSH_DISKCACHE => (true, Order::AfterFlush),
        operation::WRITE_BARRIER => (true, Order::Barrier),
        other => return Err(Refusal::Operation(other)),
    };
    if count == 0 && order != Order::Free {
        return Ok(Command::Flush);
    }
    let named = segments.get(..usize::from(count)).filter(|named| !named.is_empty());
    let named = named.ok_or(Refusal::Segments(u16::from(count)))?;
    let parts = named.iter().copied().map(Part::of).collect::<Result<Vec<_>, _>>()?;
    Range::for_parts(sector, &parts, bounds)?;
    transfer(write, order, sector, Parts::Here(parts), bounds)
}

fn indirect(
    code: u8,
    sector: u64,
    count: u16,
    grant: u32,
    bounds: Bounds,
) -> Result<Command, Refusal> {
    let write = match code {
        operation::READ => false,
        operation::WRITE => true,
        other => return Err(Refusal::Operation(other)),
    };
    if count == 0 || usize::from(count) > MAX_INDIRECT {
        return Err(Refusal::Segments(count));
    }
    let parts = Parts::Named { grant, count: usize::from(count) };
    transfer(write, Order::Free, sector, parts, bounds)
}

fn transfer(
    write: bool,
    order: Order,
    sector: u64,
    parts: Parts,
    bounds: Bounds,
) -> Result<Command, Refusal> {
    if write && !bounds.writable {
        return Err(Refusal::ReadOnly);
    }
    Ok(Command::Transfer(Transfer { write, order, sector, parts }))
}

fn discard(flag: u8, sector: u64, count: u64, bounds: Bounds) -> Result<Command, Refusal> {
    if !bounds.writable {
        return Err(Refusal::ReadOnly);
    }
    if !bounds.discard || flag & DISCARD_SECURE != 0 {
        return Err(Refusal::NoDiscard);
    }
    Range::of(sector, count, bounds).map(Command::Discard)
}

/// Reads all of the names in `page`, `SEGMENT_BYTES` each.
///
/// # Errors
/// [`Refusal::Segment`].
pub fn parts_in(page: &[u8]) -> Result<Vec<Part>, Refusal> {
    page.chunks_exact(SEGMENT_BYTES).map(|name| Part::of(get_segment(name, 0))).collect()
}

#[cfg(test)]
mod tests;
