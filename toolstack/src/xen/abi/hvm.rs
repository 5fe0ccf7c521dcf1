//! `public/hvm/*.h` and `public/arch-x86/hvm/*.h`: PVH guests.

use super::plain;

/// `HVMOP_set_param` (`hvm/hvm_op.h`).
pub const SET_PARAM: u64 = 0;
/// `HVMOP_get_param` (`hvm/hvm_op.h`).
pub const GET_PARAM: u64 = 1;

/// `HVM_PARAM_STORE_PFN` (`hvm/params.h`).
pub const PARAM_STORE_PFN: u32 = 1;
/// `HVM_PARAM_STORE_EVTCHN` (`hvm/params.h`).
pub const PARAM_STORE_EVTCHN: u32 = 2;
/// `HVM_PARAM_CONSOLE_PFN` (`hvm/params.h`).
pub const PARAM_CONSOLE_PFN: u32 = 17;
/// `HVM_PARAM_CONSOLE_EVTCHN` (`hvm/params.h`).
pub const PARAM_CONSOLE_EVTCHN: u32 = 18;

/// `struct xen_hvm_param` (`hvm/hvm_op.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HvmParam {
    /// Whose parameter.
    pub domid: u16,
    /// Padding.
    pub _pad: u16,
    /// Which one.
    pub index: u32,
    /// Its value.
    pub value: u64,
}

/// `struct hvm_save_descriptor` (`hvm/save.h`): stands before each record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SaveDescriptor {
    /// Kind of record.
    pub typecode: u16,
    /// vCPU number, for records per vCPU.
    pub instance: u16,
    /// Bytes of the record without this descriptor.
    pub length: u32,
}

/// Type code of the end marker (`hvm/save.h`, `END`).
pub const SAVE_END: u16 = 0;
/// Type code of [`SaveHeader`].
pub const SAVE_HEADER: u16 = 1;
/// Type code of [`HwCpu`].
pub const SAVE_CPU: u16 = 2;
/// Type code of [`HwMtrr`].
pub const SAVE_MTRR: u16 = 14;
/// `HVM_FILE_MAGIC`.
pub const FILE_MAGIC: u32 = 0x5438_1286;
/// `HVM_FILE_VERSION`.
pub const FILE_VERSION: u32 = 1;

/// `struct hvm_save_header` (`arch-x86/hvm/save.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SaveHeader {
    /// [`FILE_MAGIC`].
    pub magic: u32,
    /// [`FILE_VERSION`].
    pub version: u32,
    /// Of the Xen that saved; not checked.
    pub changeset: u64,
    /// `CPUID[1].eax` of the machine that saved; a difference is only logged.
    pub cpuid: u32,
    /// Guest TSC frequency in kHz; 0 keeps what the domain has.
    pub gtsc_khz: u32,
}

/// `struct hvm_hw_cpu` (`arch-x86/hvm/save.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct HwCpu {
    pub fpu_regs: [u8; 512],
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rbp: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rsp: u64,
    pub r8_to_r15: [u64; 8],
    pub rip: u64,
    pub rflags: u64,
    pub cr0: u64,
    pub cr2: u64,
    pub cr3: u64,
    pub cr4: u64,
    pub dr0: u64,
    pub dr1: u64,
    pub dr2: u64,
    pub dr3: u64,
    pub dr6: u64,
    pub dr7: u64,
    pub cs_sel: u32,
    pub ds_sel: u32,
    pub es_sel: u32,
    pub fs_sel: u32,
    pub gs_sel: u32,
    pub ss_sel: u32,
    pub tr_sel: u32,
    pub ldtr_sel: u32,
    pub cs_limit: u32,
    pub ds_limit: u32,
    pub es_limit: u32,
    pub fs_limit: u32,
    pub gs_limit: u32,
    pub ss_limit: u32,
    pub tr_limit: u32,
    pub ldtr_limit: u32,
    pub idtr_limit: u32,
    pub gdtr_limit: u32,
    pub cs_base: u64,
    pub ds_base: u64,
    pub es_base: u64,
    pub fs_base: u64,
    pub gs_base: u64,
    pub ss_base: u64,
    pub tr_base: u64,
    pub ldtr_base: u64,
    pub idtr_base: u64,
    pub gdtr_base: u64,
    pub cs_arbytes: u32,
    pub ds_arbytes: u32,
    pub es_arbytes: u32,
    pub fs_arbytes: u32,
    pub gs_arbytes: u32,
    pub ss_arbytes: u32,
    pub tr_arbytes: u32,
    pub ldtr_arbytes: u32,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub shadow_gs: u64,
    pub msr_flags: u64,
    pub msr_lstar: u64,
    pub msr_star: u64,
    pub msr_cstar: u64,
    pub msr_syscall_mask: u64,
    pub msr_efer: u64,
    pub msr_tsc_aux: u64,
    pub tsc: u64,
    pub pending_event: u32,
    pub error_code: u32,
    pub flags: u32,
    pub pad0: u32,
}

impl Default for HwCpu {
    fn default() -> Self {
        // SAFETY: `HwCpu` is built of integers only; all zeroes is a valid value.
        unsafe { std::mem::zeroed() }
    }
}

/// `struct hvm_hw_mtrr` (`arch-x86/hvm/save.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HwMtrr {
    /// The PAT register.
    pub msr_pat_cr: u64,
    /// Base and mask of the variable ranges.
    pub msr_mtrr_var: [u64; 16],
    /// The fixed ranges.
    pub msr_mtrr_fixed: [u64; 11],
    /// Capabilities.
    pub msr_mtrr_cap: u64,
    /// Default type and enable bits.
    pub msr_mtrr_def_type: u64,
}

/// `XEN_HVM_START_MAGIC_VALUE` (`arch-x86/hvm/start_info.h`).
pub const START_MAGIC: u32 = 0x336e_c578;
/// `XEN_HVM_MEMMAP_TYPE_RAM`.
pub const MEMMAP_RAM: u32 = 1;
/// `XEN_HVM_MEMMAP_TYPE_RESERVED`.
pub const MEMMAP_RESERVED: u32 = 2;
/// `XEN_HVM_MEMMAP_TYPE_ACPI`.
pub const MEMMAP_ACPI: u32 = 3;

/// `struct hvm_start_info` (`arch-x86/hvm/start_info.h`), version 1.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct StartInfo {
    /// [`START_MAGIC`].
    pub magic: u32,
    /// 1.
    pub version: u32,
    /// `SIF_*`.
    pub flags: u32,
    /// Entries of the module list.
    pub nr_modules: u32,
    /// Guest-physical address of [`ModlistEntry`] items.
    pub modlist_paddr: u64,
    /// Guest-physical address of the command line, NUL-terminated.
    pub cmdline_paddr: u64,
    /// Guest-physical address of the ACPI RSDP; 0: none.
    pub rsdp_paddr: u64,
    /// Guest-physical address of [`MemmapEntry`] items.
    pub memmap_paddr: u64,
    /// Entries of the memory map.
    pub memmap_entries: u32,
    /// Zero.
    pub reserved: u32,
}

/// `struct hvm_modlist_entry`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ModlistEntry {
    /// Guest-physical address.
    pub paddr: u64,
    /// Bytes.
    pub size: u64,
    /// Guest-physical address of the module's command line; 0: none.
    pub cmdline_paddr: u64,
    /// Zero.
    pub reserved: u64,
}

/// `struct hvm_memmap_table_entry`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MemmapEntry {
    /// Guest-physical address.
    pub addr: u64,
    /// Bytes.
    pub size: u64,
    /// `XEN_HVM_MEMMAP_TYPE_*`.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
}

plain!(HvmParam, SaveDescriptor, SaveHeader, HwCpu, HwMtrr, StartInfo, ModlistEntry, MemmapEntry);
