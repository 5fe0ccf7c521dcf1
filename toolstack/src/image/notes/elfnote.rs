//! Types of the ELF notes whose owner is "Xen", from Xen's `public/elfnote.h`.
//!
//! Numeric notes have 1, 2, 4 or 8 bytes; strings may end with a NUL.

/// `XEN_ELFNOTE_INFO`: a NAME=VALUE pair (string). Not used by any loader.
pub const INFO: u32 = 0;
/// `XEN_ELFNOTE_ENTRY`: virtual address of the PV entry point (numeric).
pub const ENTRY: u32 = 1;
/// `XEN_ELFNOTE_HYPERCALL_PAGE`: virtual address of the page Xen fills with hypercall entries
/// (numeric).
pub const HYPERCALL_PAGE: u32 = 2;
/// `XEN_ELFNOTE_VIRT_BASE`: virtual address at which pseudo-physical address 0 is mapped (numeric).
pub const VIRT_BASE: u32 = 3;
/// `XEN_ELFNOTE_PADDR_OFFSET`: what to subtract from an ELF physical address to get the
/// pseudo-physical one (numeric).
pub const PADDR_OFFSET: u32 = 4;
/// `XEN_ELFNOTE_XEN_VERSION`: interface the kernel was built for (string, "xen-3.0").
pub const XEN_VERSION: u32 = 5;
/// `XEN_ELFNOTE_GUEST_OS`: name of the operating system (string).
pub const GUEST_OS: u32 = 6;
/// `XEN_ELFNOTE_GUEST_VERSION`: its version (string).
pub const GUEST_VERSION: u32 = 7;
/// `XEN_ELFNOTE_LOADER`: loader the kernel is made for (string, "generic").
pub const LOADER: u32 = 8;
/// `XEN_ELFNOTE_PAE_MODE`: PAE support of a 32-bit PV kernel (string).
pub const PAE_MODE: u32 = 9;
/// `XEN_ELFNOTE_FEATURES`: names of features supported and, with a leading `!`, required (string).
pub const FEATURES: u32 = 10;
/// `XEN_ELFNOTE_BSD_SYMTAB`: the kernel wants its symbol table loaded (string, "yes").
pub const BSD_SYMTAB: u32 = 11;
/// `XEN_ELFNOTE_HV_START_LOW`: lowest address the hypervisor's part of the address space may start
/// at (numeric).
pub const HV_START_LOW: u32 = 12;
/// `XEN_ELFNOTE_L1_MFN_VALID`: how to recognise page table entries with valid frame numbers
/// (mask and value pairs).
pub const L1_MFN_VALID: u32 = 13;
/// `XEN_ELFNOTE_SUSPEND_CANCEL`: the kernel can resume when a suspend is called off (numeric).
pub const SUSPEND_CANCEL: u32 = 14;
/// `XEN_ELFNOTE_INIT_P2M`: virtual address at which to map the initial frame list (numeric).
pub const INIT_P2M: u32 = 15;
/// `XEN_ELFNOTE_MOD_START_PFN`: the kernel accepts an initial ramdisk that is not mapped, and
/// finds its frame number in `start_info.mod_start` (numeric).
pub const MOD_START_PFN: u32 = 16;
/// `XEN_ELFNOTE_SUPPORTED_FEATURES`: supported features as a bit mask (numeric, 32-bit words).
pub const SUPPORTED_FEATURES: u32 = 17;
/// `XEN_ELFNOTE_PHYS32_ENTRY`: physical address of the 32-bit PVH entry point (numeric).
pub const PHYS32_ENTRY: u32 = 18;
/// `XEN_ELFNOTE_PHYS32_RELOC`: the PVH kernel may be loaded elsewhere (alignment, minimum and
/// maximum, 32-bit words, each optional).
pub const PHYS32_RELOC: u32 = 19;

/// The note's name without the `XEN_ELFNOTE_` prefix.
pub(super) fn name(kind: u32) -> &'static str {
    const NAMES: [&str; 20] = [
        "INFO",
        "ENTRY",
        "HYPERCALL_PAGE",
        "VIRT_BASE",
        "PADDR_OFFSET",
        "XEN_VERSION",
        "GUEST_OS",
        "GUEST_VERSION",
        "LOADER",
        "PAE_MODE",
        "FEATURES",
        "BSD_SYMTAB",
        "HV_START_LOW",
        "L1_MFN_VALID",
        "SUSPEND_CANCEL",
        "INIT_P2M",
        "MOD_START_PFN",
        "SUPPORTED_FEATURES",
        "PHYS32_ENTRY",
        "PHYS32_RELOC",
    ];
    usize::try_from(kind).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or("of unknown type")
}
