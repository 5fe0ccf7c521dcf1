//! Linux's `include/uapi/xen/gntdev.h` and what it takes from `public/grant_table.h`.

use super::privcmd::request;

/// `IOCTL_GNTDEV_MAP_GRANT_REF`.
pub const IOCTL_GNTDEV_MAP_GRANT_REF: libc::c_ulong = request::<MapGrantRef>(b'G', 0);
/// `IOCTL_GNTDEV_UNMAP_GRANT_REF`.
pub const IOCTL_GNTDEV_UNMAP_GRANT_REF: libc::c_ulong = request::<UnmapGrantRef>(b'G', 1);
/// `IOCTL_GNTDEV_GRANT_COPY`.
pub const IOCTL_GNTDEV_GRANT_COPY: libc::c_ulong = request::<GrantCopy>(b'G', 8);

/// `GNTCOPY_source_gref`: the source is a grant.
pub const GNTCOPY_SOURCE_GREF: u16 = 1 << 0;
/// `GNTCOPY_dest_gref`: the destination is a grant.
pub const GNTCOPY_DEST_GREF: u16 = 1 << 1;
/// `GNTST_okay`.
pub const GNTST_OKAY: i16 = 0;
/// `GNTST_bad_copy_arg`, without its sign.
pub const MINUS_GNTST_BAD_COPY_ARG: i16 = 10;

/// `struct ioctl_gntdev_grant_ref`: a grant to be mapped.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantRef {
    /// Whose grant.
    pub domid: u32,
    /// Its reference.
    pub reference: u32,
}

/// `struct ioctl_gntdev_map_grant_ref`; more references may follow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MapGrantRef {
    /// Grants to be mapped.
    pub count: u32,
    /// Padding.
    pub _pad: u32,
    /// OUT: the offset to `mmap` them at.
    pub index: u64,
    /// The first grant.
    pub refs: [GrantRef; 1],
}

/// `struct ioctl_gntdev_unmap_grant_ref`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct UnmapGrantRef {
    /// The offset they were mapped at.
    pub index: u64,
    /// How many.
    pub count: u32,
    /// Padding.
    pub _pad: u32,
}

/// `struct gntdev_grant_copy_segment`. An end that is a grant has its reference in bits 0 to 31,
/// the offset in its page in bits 32 to 47 and the domain in bits 48 to 63 (`foreign`); the other
/// is an address of this process (`virt`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CopySegment {
    /// Where from.
    pub source: u64,
    /// Where to.
    pub dest: u64,
    /// Bytes.
    pub len: u16,
    /// `GNTCOPY_*`.
    pub flags: u16,
    /// OUT: `GNTST_*`.
    pub status: i16,
    /// Padding.
    pub _pad: u16,
}

/// `struct ioctl_gntdev_grant_copy`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GrantCopy {
    /// Segments.
    pub count: u32,
    /// Padding.
    pub _pad: u32,
    /// Their address.
    pub segments: *mut CopySegment,
}
