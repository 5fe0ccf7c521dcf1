//! The shared info page: Xen's page that a guest places in its own address space.

use crate::hypercall::{self, DOMID_SELF, Number};
use crate::info::{BootInfo, Flavour};
use crate::paging::{PAGE_SIZE, Page};
use crate::shared::SharedPage;
use core::sync::atomic::{AtomicBool, Ordering};

const ADD_TO_PHYSMAP: usize = 7;
const SPACE_SHARED_INFO: u32 = 0;
const PTE_PRESENT_WRITABLE_USER: usize = 0x7;
const INVALIDATE_LOCAL: usize = 2;

/// The page whose place Xen's shared info page takes.
#[unsafe(link_section = ".bss.pages")]
static PLACE: Page = Page::zero();
static PLACED: AtomicBool = AtomicBool::new(false);

/// `struct xen_add_to_physmap`, Xen `public/memory.h`.
#[repr(C)]
struct AddToPhysmap {
    domid: u16,
    size: u16,
    space: u32,
    index: u64,
    gpfn: u64,
}

/// The shared info page, placed on first use.
///
/// # Panics
/// When Xen refuses, which it does for no guest that is set up properly.
pub(crate) fn page(boot: BootInfo) -> SharedPage {
    let address = PLACE.address();
    if !PLACED.load(Ordering::Relaxed) {
        let result = match boot.flavour() {
            Flavour::Pvh => place_pvh(address),
            Flavour::Pv => place_pv(address, boot.pv_shared_info()),
        };
        assert_eq!(result, 0, "Xen did not map the shared info page");
        PLACED.store(true, Ordering::Relaxed);
    }
    // SAFETY: the place is a page of the image that nothing else uses, and Xen's page
    // stays there.
    unsafe { SharedPage::new(core::ptr::with_exposed_provenance_mut(address)) }
}

fn place_pvh(address: usize) -> isize {
    let mut argument = AddToPhysmap {
        domid: DOMID_SELF,
        size: 0,
        space: SPACE_SHARED_INFO,
        index: 0,
        gpfn: (address / PAGE_SIZE) as u64,
    };
    // SAFETY: XENMEM_add_to_physmap takes a xen_add_to_physmap; the page it replaces
    // holds nothing.
    unsafe { hypercall::operate(Number::MemoryOp, ADD_TO_PHYSMAP, &mut argument) }
}

fn place_pv(address: usize, machine_address: usize) -> isize {
    let entry = machine_address | PTE_PRESENT_WRITABLE_USER;
    // SAFETY: update_va_mapping takes address, entry, flags; the page whose mapping it
    // replaces holds nothing.
    unsafe { hypercall::call(Number::UpdateVaMapping, [address, entry, INVALIDATE_LOCAL, 0]) }
}
