//! `public/memory.h` and the memory part of `public/xen.h`.

use super::plain;

/// `XENMEM_populate_physmap`.
pub const POPULATE_PHYSMAP: u64 = 6;

/// `struct xen_memory_reservation`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryReservation {
    /// Address of the list of extents: IN first gfn of each; OUT, for a PV
    /// guest, its first mfn.
    pub extent_start: u64,
    /// Extents in the list.
    pub nr_extents: u64,
    /// `log2` of the pages in each extent.
    pub extent_order: u32,
    /// `XENMEMF_*`.
    pub mem_flags: u32,
    /// Whose memory.
    pub domid: u16,
    /// Padding.
    pub _pad: [u16; 3],
}

/// `MMUEXT_PIN_L4_TABLE`.
pub const MMUEXT_PIN_L4_TABLE: u32 = 3;

/// `struct mmuext_op`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MmuextOp {
    /// `MMUEXT_*`.
    pub cmd: u32,
    /// Padding.
    pub _pad: u32,
    /// The page table's frame, for a pin.
    pub mfn: u64,
    /// Unused by a pin.
    pub arg2: u64,
}

plain!(MemoryReservation, MmuextOp);
