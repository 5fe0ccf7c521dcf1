//! Moving data between the daemon's memory and pages that a guest grants.

use crate::shard::Fault;

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
}

/// Copies many pieces, and says in each whether it was copied. Fails only for reasons of the
/// host's own.
pub type Copy<'a> = dyn FnMut(&mut [Piece<'_>]) -> Result<(), Fault> + 'a;
