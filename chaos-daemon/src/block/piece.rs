//! Moving data between the daemon's memory and pages that a guest grants.

use std::time::Instant;

use lightvm::xen::{CopySegment, DomId, GrantDevice, GrantMapping};

use crate::kept::Kept;
use crate::shard::Fault;

const PAGE: usize = 4096;

/// A piece of memory, and the part of a granted page that it is copied from or to.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Which grant.
    pub grant: u32,
    /// Where in the page, in bytes.
    pub offset: u16,
    /// This side's memory; ends within the page.
    pub local: Local<'a>,
    /// Set when it was copied.
    pub copied: bool,
}

/// Which way a piece goes.
#[derive(Debug)]
pub enum Local<'a> {
    /// From the guest into this memory.
    In(&'a mut [u8]),
    /// From this memory to the guest.
    Out(&'a [u8]),
    /// From memory that only the kernel looks at, address and bytes, to the guest.
    Unseen(*const u8, usize),
}

impl<'a> Piece<'a> {
    /// From the guest.
    pub fn from_guest(grant: u32, offset: u16, into: &'a mut [u8]) -> Piece<'a> {
        Piece { grant, offset, local: Local::In(into), copied: false }
    }

    /// To the guest.
    pub fn to_guest(grant: u32, offset: u16, from: &'a [u8]) -> Piece<'a> {
        Piece { grant, offset, local: Local::Out(from), copied: false }
    }

    /// To the guest, from memory that only the kernel looks at.
    pub fn unseen_to_guest(grant: u32, offset: u16, from: *const u8, len: usize) -> Piece<'a> {
        Piece { grant, offset, local: Local::Unseen(from, len), copied: false }
    }

    /// Copies it from or to its page, mapped; false when the page is not all of it, or only the
    /// kernel may look at the other end.
    fn copy_by_hand(&mut self, page: &GrantMapping) -> bool {
        let at = usize::from(self.offset);
        let fits = |len: usize| at + len <= PAGE;
        self.copied = match &mut self.local {
            Local::In(into) if fits(into.len()) => {
                page.read(at, into);
                true
            }
            Local::Out(from) if fits(from.len()) => {
                page.write(at, from);
                true
            }
            _ => false,
        };
        self.copied
    }

    fn segment(&mut self) -> CopySegment<'_> {
        match &mut self.local {
            Local::In(into) => CopySegment::read(self.grant, self.offset, into),
            Local::Out(from) => CopySegment::write(self.grant, self.offset, from),
            Local::Unseen(from, len) => {
                CopySegment::write_unseen(self.grant, self.offset, *from, *len)
            }
        }
    }
}

/// Copies many pieces, and says in each whether it was copied. Fails only for reasons of the
/// host's own.
pub type Copy<'a> = dyn FnMut(&mut [Piece<'_>]) -> Result<(), Fault> + 'a;

/// Copies `pieces` from and to pages of `domain`: those in pages that are kept mapped by hand, the
/// others as [`copy`].
///
/// # Errors
/// As [`copy`].
pub fn copy_with(
    kept: &mut Kept<GrantMapping>,
    (grants, domain, now): (&GrantDevice, DomId, Instant),
    pieces: &mut [Piece<'_>],
) -> Result<(), Fault> {
    let mut rest = Vec::new();
    for piece in pieces {
        match kept.page(piece.grant, grants, domain, now) {
            Some(page) if piece.copy_by_hand(page) => {}
            _ => rest.push(piece),
        }
    }
    if rest.is_empty() { Ok(()) } else { copy(grants, domain, &mut rest) }
}

/// Has Xen copy `pieces` from and to pages of `domain`, in one call of the system.
///
/// # Errors
/// [`Fault::Host`]; nothing is known of the pieces then.
pub fn copy(
    grants: &GrantDevice,
    domain: DomId,
    pieces: &mut [&mut Piece<'_>],
) -> Result<(), Fault> {
    let mut segments: Vec<_> = pieces.iter_mut().map(|piece| piece.segment()).collect();
    grants.copy(domain, &mut segments).map_err(|error| Fault::Host(error.to_string()))?;
    let copied: Vec<_> = segments.iter().map(CopySegment::is_done).collect();
    pieces.iter_mut().zip(copied).for_each(|(piece, copied)| piece.copied = copied);
    Ok(())
}
