//! `public/memory.h` and the memory part of `public/xen.h`.

use super::plain;

/// `XENMEM_populate_physmap`.
pub const POPULATE_PHYSMAP: u64 = 6;

/// `XENMEM_add_to_physmap`.
pub const ADD_TO_PHYSMAP: u64 = 7;
/// `XENMEM_add_to_physmap_batch`.
pub const ADD_TO_PHYSMAP_BATCH: u64 = 23;
/// `XENMEM_set_memory_map`.
pub const SET_MEMORY_MAP: u64 = 13;
/// `XENMAPSPACE_shared_info`.
pub const MAPSPACE_SHARED_INFO: u32 = 0;
/// `XENMAPSPACE_grant_table`.
pub const MAPSPACE_GRANT_TABLE: u32 = 1;

/// `XENMEM_resource_grant_table`.
pub const RESOURCE_GRANT_TABLE: u32 = 1;
/// `XENMEM_resource_grant_table_id_shared`.
pub const RESOURCE_GRANT_TABLE_SHARED: u32 = 0;

/// `GNTTAB_NR_RESERVED_ENTRIES` of `public/grant_table.h`.
pub const RESERVED_GRANTS: usize = 8;
/// Bytes of a `struct grant_entry_v1` there: flags and domain, two each, and four of the frame.
pub const GRANT_ENTRY_BYTES: usize = 8;
/// `GTF_permit_access` there.
pub const GTF_PERMIT_ACCESS: u16 = 1;

/// `struct xen_add_to_physmap`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct AddToPhysmap {
    /// Whose address space.
    pub domid: u16,
    /// For ranges only.
    pub size: u16,
    /// `XENMAPSPACE_*`.
    pub space: u32,
    /// Which page of that space.
    pub idx: u64,
    /// The gfn it is to appear at.
    pub gpfn: u64,
}

/// `struct xen_add_to_physmap_batch`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct AddToPhysmapBatch {
    /// Whose address space.
    pub domid: u16,
    /// `XENMAPSPACE_*`.
    pub space: u16,
    /// Pages.
    pub size: u16,
    /// 0 for the spaces used here.
    pub extra: u16,
    /// Address of the list of pages of that space.
    pub idxs: u64,
    /// Address of the list of gfns they are to appear at.
    pub gpfns: u64,
    /// Address of the list of errors, one `int` for each.
    pub errs: u64,
}

/// `struct xen_foreign_memory_map`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ForeignMemoryMap {
    /// Whose map.
    pub domid: u16,
    /// Padding.
    pub _pad: [u16; 3],
    /// Entries of the map.
    pub nr_entries: u32,
    /// Padding.
    pub _pad2: u32,
    /// Address of the entries, each as the BIOS's call e820 has it: 8 bytes of address, 8 of
    /// size, 4 of type.
    pub buffer: u64,
}

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

plain!(AddToPhysmap, AddToPhysmapBatch, ForeignMemoryMap, MemoryReservation, MmuextOp);
