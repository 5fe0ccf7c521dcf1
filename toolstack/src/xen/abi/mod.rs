//! Ring 1: structures and numbers exactly as Xen's public C headers have them.
//!
//! Nothing here does anything. Every layout is checked against the headers of
//! every supported release by `tests/abi_layout`. Names keep Xen's spelling
//! where a constant has one, so that they can be searched for in Xen's tree.

pub mod domctl;
pub mod event_channel;
pub mod gntdev;
pub mod hvm;
pub mod io_console;
pub mod memory;
pub mod privcmd;
pub mod pv;
pub mod sched;
pub mod sysctl;
pub mod version;

/// Hypercall numbers (`public/xen.h`, `__HYPERVISOR_*`).
pub mod hypercall {
    /// `__HYPERVISOR_memory_op`.
    pub const MEMORY_OP: u64 = 12;
    /// `__HYPERVISOR_xen_version`.
    pub const XEN_VERSION: u64 = 17;
    /// `__HYPERVISOR_mmuext_op`.
    pub const MMUEXT_OP: u64 = 26;
    /// `__HYPERVISOR_sched_op`.
    pub const SCHED_OP: u64 = 29;
    /// `__HYPERVISOR_event_channel_op`.
    pub const EVENT_CHANNEL_OP: u64 = 32;
    /// `__HYPERVISOR_hvm_op`.
    pub const HVM_OP: u64 = 34;
    /// `__HYPERVISOR_sysctl`.
    pub const SYSCTL: u64 = 35;
    /// `__HYPERVISOR_domctl`.
    pub const DOMCTL: u64 = 36;
}

/// `DOMID_SELF` (`public/xen.h`): the calling domain.
pub const DOMID_SELF: u16 = 0x7FF0;
/// `DOMID_FIRST_RESERVED` (`public/xen.h`): real domains have smaller numbers.
pub const DOMID_FIRST_RESERVED: u16 = 0x7FF0;

/// Bytes in a page, the unit of every `gfn` and `mfn` on x86.
pub const PAGE_SIZE: u64 = 4096;
/// [`PAGE_SIZE`] for the address arithmetic of this process.
pub const PAGE_BYTES: usize = 4096;
/// `log2` of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;

/// A type whose bytes may be copied to and from the hypervisor as they are.
///
/// # Safety
/// The type must be `repr(C)` without padding that is not a named field, and any
/// pattern of bytes must be a valid value of it.
pub unsafe trait Plain: Copy {}

/// The bytes of `value` as they stand in memory.
pub(crate) fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    let start = std::ptr::from_ref(value).cast::<u8>();
    // SAFETY: the bytes of a live value; `T: Plain` has no padding, so all of
    // them are initialised.
    unsafe { std::slice::from_raw_parts(start, size_of::<T>()) }
}

macro_rules! plain {
    ($($t:ty),* $(,)?) => {
        $(
            // SAFETY: `repr(C)` (or a primitive), built of integers only, padding named.
            unsafe impl $crate::xen::abi::Plain for $t {}
        )*
    };
}
pub(crate) use plain;

plain!(u8, u16, u32, u64, i32);

/// `struct xenctl_bitmap` (`public/xen.h`): a bitmap in the caller's memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct XenctlBitmap {
    /// Address of the bytes, least significant bit first.
    pub bitmap: u64,
    /// Bits at that address.
    pub nr_bits: u32,
    /// Padding to the alignment of a 64-bit guest handle.
    pub _pad: u32,
}
plain!(XenctlBitmap);
