//! `public/xen.h` and `public/arch-x86/xen*.h`: 64-bit PV guests.

use super::plain;

/// `MAX_GUEST_CMDLINE` (`public/xen.h`): bytes of a PV command line with its NUL.
pub const MAX_GUEST_CMDLINE: usize = 1024;
/// `SIF_MOD_START_PFN` (`public/xen.h`): `mod_start` is a page frame number.
pub const SIF_MOD_START_PFN: u32 = 1 << 3;

/// `FLAT_RING3_CS64` (`public/arch-x86/xen-x86_64.h`).
pub const FLAT_RING3_CS64: u16 = 0xe033;
/// `FLAT_RING3_SS64`.
pub const FLAT_RING3_SS64: u16 = 0xe02b;

/// `VGCF_in_kernel` (`public/arch-x86/xen.h`).
pub const VGCF_IN_KERNEL: u64 = 1 << 2;
/// `VGCF_online`.
pub const VGCF_ONLINE: u64 = 1 << 5;

/// `struct start_info` (`public/xen.h`) as a domU sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PvStartInfo {
    /// `xen-3.0-x86_64`.
    pub magic: [u8; 32],
    /// Pages the guest has.
    pub nr_pages: u64,
    /// Machine address of `shared_info`.
    pub shared_info: u64,
    /// `SIF_*`.
    pub flags: u32,
    /// Padding.
    pub _pad0: u32,
    /// Machine frame of the store page.
    pub store_mfn: u64,
    /// Event channel of the store.
    pub store_evtchn: u32,
    /// Padding.
    pub _pad1: u32,
    /// Machine frame of the console ring.
    pub console_mfn: u64,
    /// Event channel of the console.
    pub console_evtchn: u32,
    /// Padding.
    pub _pad2: u32,
    /// Virtual address of the top-level page table.
    pub pt_base: u64,
    /// Page-table frames the builder made.
    pub nr_pt_frames: u64,
    /// Virtual address of the physical-to-machine list.
    pub mfn_list: u64,
    /// Virtual address of the initrd, or its pfn with `SIF_MOD_START_PFN`.
    pub mod_start: u64,
    /// Bytes of the initrd.
    pub mod_len: u64,
    /// Command line, NUL-terminated.
    pub cmd_line: [u8; MAX_GUEST_CMDLINE],
    /// First pfn of the physical-to-machine list when it lies outside the
    /// initial mapping.
    pub first_p2m_pfn: u64,
    /// Its pages.
    pub nr_p2m_frames: u64,
}

/// `struct cpu_user_regs` (`public/arch-x86/xen-x86_64.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct CpuUserRegs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub error_code: u32,
    pub entry_vector: u32,
    pub rip: u64,
    pub cs: u16,
    pub _pad0: u16,
    pub saved_upcall_mask: u8,
    pub _pad1: [u8; 3],
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u16,
    pub _pad2: [u16; 3],
    pub es: u16,
    pub _pad3: [u16; 3],
    pub ds: u16,
    pub _pad4: [u16; 3],
    pub fs: u16,
    pub _pad5: [u16; 3],
    pub gs: u16,
    pub _pad6: [u16; 3],
}

/// `struct trap_info` (`public/arch-x86/xen.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TrapInfo {
    /// Exception vector.
    pub vector: u8,
    /// Privilege level and event mask.
    pub flags: u8,
    /// Code selector.
    pub cs: u16,
    /// Padding.
    pub _pad: u32,
    /// Handler.
    pub address: u64,
}

/// `struct vcpu_guest_context` (`public/arch-x86/xen.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct VcpuGuestContext {
    pub fpu_ctxt: [u8; 512],
    pub flags: u64,
    pub user_regs: CpuUserRegs,
    pub trap_ctxt: [TrapInfo; 256],
    pub ldt_base: u64,
    pub ldt_ents: u64,
    pub gdt_frames: [u64; 16],
    pub gdt_ents: u64,
    pub kernel_ss: u64,
    pub kernel_sp: u64,
    pub ctrlreg: [u64; 8],
    pub debugreg: [u64; 8],
    pub event_callback_eip: u64,
    pub failsafe_callback_eip: u64,
    pub syscall_callback_eip: u64,
    pub vm_assist: u64,
    pub fs_base: u64,
    pub gs_base_kernel: u64,
    pub gs_base_user: u64,
}

plain!(PvStartInfo, VcpuGuestContext);

impl Default for PvStartInfo {
    fn default() -> Self {
        // SAFETY: built of integers only; all zeroes is a valid value.
        unsafe { std::mem::zeroed() }
    }
}

impl Default for VcpuGuestContext {
    fn default() -> Self {
        // SAFETY: built of integers only; all zeroes is a valid value.
        unsafe { std::mem::zeroed() }
    }
}

/// Offset of `vcpu_info[n].evtchn_upcall_mask` in `shared_info` is
/// `n * VCPU_INFO_SIZE + UPCALL_MASK_OFFSET` (`public/xen.h`, `struct vcpu_info`).
pub const VCPU_INFO_SIZE: usize = 64;
/// See [`VCPU_INFO_SIZE`].
pub const UPCALL_MASK_OFFSET: usize = 1;
/// `XEN_LEGACY_MAX_VCPUS`: entries of `shared_info.vcpu_info`.
pub const LEGACY_MAX_VCPUS: usize = 32;
