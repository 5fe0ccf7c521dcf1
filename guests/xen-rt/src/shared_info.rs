//! The shared info page: Xen's page that a guest places in its own address space.

use crate::info::{BootInfo, Flavour};
use crate::paging::{self, PAGE_SIZE, Page};
use crate::place::{self, Space};
use crate::shared::SharedPage;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The page whose place Xen's shared info page takes.
#[unsafe(link_section = ".bss.pages")]
static PLACE: Page = Page::zero();
/// Where the page is; 0: not placed yet.
static PLACED: AtomicUsize = AtomicUsize::new(0);

/// Takes the page from where the toolstack placed it, at a frame of a PVH guest.
pub(crate) fn use_placed(boot: BootInfo, gfn: u64) -> Option<()> {
    let size = PAGE_SIZE as u64;
    let address = paging::map(boot, gfn.checked_mul(size)?, size)?;
    PLACED.store(address.expose_provenance(), Ordering::Relaxed);
    Some(())
}

/// The shared info page, placed on first use.
///
/// # Panics
/// When Xen refuses, which it does for no guest that is set up properly.
pub(crate) fn page(boot: BootInfo) -> SharedPage {
    let mut address = PLACED.load(Ordering::Relaxed);
    if address == 0 {
        address = PLACE.address();
        let placed = match boot.flavour() {
            Flavour::Pvh => place::pvh(Space::SharedInfo, 0, address),
            Flavour::Pv => place::pv(boot.pv_shared_info(), address),
        };
        assert!(placed.is_some(), "Xen did not map the shared info page");
        PLACED.store(address, Ordering::Relaxed);
    }
    // SAFETY: the place is a page that nothing else uses, and Xen's page stays there.
    unsafe { SharedPage::new(core::ptr::with_exposed_provenance_mut(address)) }
}
