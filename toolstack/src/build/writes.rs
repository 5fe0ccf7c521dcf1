//! What is to be written into a new domain's memory, and the writing of it.
//!
//! Only pages that get content are mapped. All others are zero already where Xen
//! clears memory before it gives it to a domain, which it does unless it was told not
//! to ([`Xen::clears_memory`]). Mapping and clearing a page costs as much as copying
//! it, and most of a small kernel's pages, and a third of Linux's, are empty.

use std::borrow::Cow;

use crate::xen::abi::PAGE_SIZE;
use crate::xen::{DomId, Xen, XenError};

/// Pieces of content, by (pseudo-)physical address.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    pieces: Vec<(u64, Cow<'a, [u8]>)>,
}

impl<'a> Writes<'a> {
    /// Adds `bytes` at `address`. The caller has checked that they end before the
    /// last address.
    pub(crate) fn add(&mut self, address: u64, bytes: impl Into<Cow<'a, [u8]>>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.pieces.push((address, bytes));
        }
    }

    /// Makes sure that the pages of `len` bytes from `address` on are zero but for what
    /// is added after this.
    pub(crate) fn clear(&mut self, xen: &Xen, address: u64, len: u64) {
        if !xen.clears_memory() {
            let start = address / PAGE_SIZE * PAGE_SIZE;
            let end = (address + len).next_multiple_of(PAGE_SIZE);
            self.add(start, vec![0; usize::try_from(end - start).unwrap_or(0)]);
        }
    }

    /// The pages that get content, ascending.
    fn pages(&self) -> Vec<u64> {
        let pages_of = |(address, bytes): &(u64, Cow<'_, [u8]>)| {
            address / PAGE_SIZE..(address + bytes.len() as u64).div_ceil(PAGE_SIZE)
        };
        let mut pages: Vec<u64> = self.pieces.iter().flat_map(pages_of).collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    }

    /// Writes everything; `frame` says by which number Xen knows a page.
    pub(crate) fn apply(
        &self,
        xen: &Xen,
        domain: DomId,
        frame: impl Fn(u64) -> u64,
    ) -> Result<(), XenError> {
        let pages = self.pages();
        if pages.is_empty() {
            return Ok(());
        }
        let frames: Vec<u64> = pages.iter().map(|&page| frame(page)).collect();
        let window = xen.map(domain, &frames)?;
        for (address, bytes) in &self.pieces {
            // A piece's pages are all in the list and follow each other there.
            let index = pages.partition_point(|&page| page < address / PAGE_SIZE) as u64;
            let offset = index * PAGE_SIZE + address % PAGE_SIZE;
            window.write(usize::try_from(offset).unwrap_or(usize::MAX), bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_page_is_mapped_once() {
        let mut writes = Writes::default();
        writes.add(0x5ff0, vec![1; 0x20]);
        writes.add(0x6100, vec![2; 1]);
        writes.add(0x1000, vec![3; 0x1000]);
        writes.add(0x9000, vec![]);
        assert_eq!(writes.pages(), [1, 5, 6]);
    }
}
