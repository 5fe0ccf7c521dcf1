//! Page tables of a PVH guest, filled on demand.
//!
//! The boot code maps the first 2 MiB, which hold the image. Everything else is
//! mapped when first asked for, in 2 MiB pages, virtual = physical. Two page
//! directories serve the first and the last of the lowest four GiB: memory, and
//! the pages toolstacks put below 4 GiB (console, store). A PV guest runs on the
//! page tables its domain builder made.

use crate::info::{BootInfo, Flavour};
use core::sync::atomic::{AtomicU64, Ordering};

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

const LARGE_PAGE: u64 = 2 << 20;
const GIB: u64 = 1 << 30;
const PRESENT_WRITABLE: u64 = 0x3;
const LARGE: u64 = 0x80;
const ENTRIES: usize = 512;

/// A page-aligned page of the image's own memory.
#[repr(C, align(4096))]
pub(crate) struct Page([AtomicU64; ENTRIES]);

impl Page {
    pub(crate) const fn zero() -> Self {
        Self([const { AtomicU64::new(0) }; ENTRIES])
    }

    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

#[unsafe(link_section = ".bss.pages")]
pub(crate) static PML4: Page = Page::zero();
#[unsafe(link_section = ".bss.pages")]
pub(crate) static PDPT: Page = Page::zero();
/// Directory of the first GiB.
#[unsafe(link_section = ".bss.pages")]
pub(crate) static LOW_DIRECTORY: Page = Page::zero();
/// Directories of two more GiB, whichever come first.
#[unsafe(link_section = ".bss.pages")]
static SPARE_DIRECTORIES: [Page; 2] = [Page::zero(), Page::zero()];
/// Which GiB each has; 0: none yet.
static SPARE_GIB: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Makes `length` bytes of physical memory at `address` reachable at the same
/// virtual address.
///
/// Returns `None` when part of it lies outside the first GiB and the two others that were
/// asked for first, or beyond 512 GiB. On a PV guest this only converts: what the builder
/// mapped is mapped.
#[must_use]
pub fn map(boot: BootInfo, address: u64, length: u64) -> Option<*mut u8> {
    let end = address.checked_add(length)?;
    if boot.flavour() == Flavour::Pvh {
        let mut page = address & !(LARGE_PAGE - 1);
        while page < end {
            map_large(page)?;
            page += LARGE_PAGE;
        }
    }
    usize::try_from(address).ok().map(core::ptr::with_exposed_provenance_mut)
}

fn map_large(page: u64) -> Option<()> {
    let (gib, index) = place(page);
    let entry = PDPT.0.get(gib)?;
    let directory = directory(gib)?;
    // An entry that was not present is in no TLB: nothing to flush.
    entry.store(directory.address() as u64 | PRESENT_WRITABLE, Ordering::Relaxed);
    directory.0[index].store(page | LARGE | PRESENT_WRITABLE, Ordering::Release);
    Some(())
}

fn directory(gib: usize) -> Option<&'static Page> {
    if gib == 0 {
        return Some(&LOW_DIRECTORY);
    }
    let free_or_same =
        |owner: &&AtomicU64| [0, gib as u64].contains(&owner.load(Ordering::Relaxed));
    let (owner, directory) =
        SPARE_GIB.iter().zip(&SPARE_DIRECTORIES).find(|(owner, _)| free_or_same(owner))?;
    owner.store(gib as u64, Ordering::Relaxed);
    Some(directory)
}

/// GiB and large page within it.
fn place(address: u64) -> (usize, usize) {
    ((address / GIB) as usize, (address % GIB / LARGE_PAGE) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_find_their_directory_entry() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(0x3fff_ffff), (0, 511));
        assert_eq!(place(0xfeff_f000), (3, 503));
    }

    #[test]
    fn two_more_gib_can_be_reached_and_no_third() {
        assert_eq!(map_large(512 * GIB), None);
        assert_eq!(map_large(3 * GIB), Some(()));
        assert_eq!(map_large(GIB), Some(()));
        assert_eq!(map_large(3 * GIB + LARGE_PAGE), Some(()));
        assert_eq!(map_large(4 * GIB), None);
    }
}
