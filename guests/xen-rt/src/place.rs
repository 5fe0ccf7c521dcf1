//! Puts pages that belong to Xen into the guest's own address space.

use crate::hypercall::{self, DOMID_SELF, Number};
use crate::paging::PAGE_SIZE;

const ADD_TO_PHYSMAP: usize = 7;
const PTE_PRESENT_WRITABLE_USER: usize = 0x7;
const INVALIDATE_LOCAL: usize = 2;

/// Which of Xen's pages: `XENMAPSPACE_*`, Xen `public/memory.h`.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Space {
    SharedInfo = 0,
    GrantTable = 1,
}

/// `struct xen_add_to_physmap`, Xen `public/memory.h`.
#[repr(C)]
struct AddToPhysmap {
    domid: u16,
    size: u16,
    space: u32,
    index: u64,
    gpfn: u64,
}

/// Puts page `index` of `space` where the image's own page at `address` was, in a PVH guest.
/// `None` when Xen refuses.
pub(crate) fn pvh(space: Space, index: u64, address: usize) -> Option<()> {
    let mut argument = AddToPhysmap {
        domid: DOMID_SELF,
        size: 0,
        space: space as u32,
        index,
        gpfn: (address / PAGE_SIZE) as u64,
    };
    // SAFETY: XENMEM_add_to_physmap takes a xen_add_to_physmap; the callers' pages hold
    // nothing that could get lost.
    let result = unsafe { hypercall::operate(Number::MemoryOp, ADD_TO_PHYSMAP, &mut argument) };
    (result == 0).then_some(())
}

/// Maps the machine page at `machine_address` where the image's own page at `address` was,
/// in a PV guest. `None` when Xen refuses.
pub(crate) fn pv(machine_address: usize, address: usize) -> Option<()> {
    let entry = machine_address | PTE_PRESENT_WRITABLE_USER;
    // SAFETY: update_va_mapping takes address, entry, flags; the callers' pages hold
    // nothing that could get lost.
    let result =
        unsafe { hypercall::call(Number::UpdateVaMapping, [address, entry, INVALIDATE_LOCAL, 0]) };
    (result == 0).then_some(())
}
