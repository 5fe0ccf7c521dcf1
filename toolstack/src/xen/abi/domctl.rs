//! `public/domctl.h`: control of domains. Versions 0x15 (Xen 4.17), 0x16 (4.18)
//! and 0x17 (4.19, 4.20).

use super::{XenctlBitmap, plain};

/// `XEN_DOMCTL_*` command numbers.
pub mod cmd {
    #![allow(missing_docs)]
    pub const CREATEDOMAIN: u32 = 1;
    pub const DESTROYDOMAIN: u32 = 2;
    pub const PAUSEDOMAIN: u32 = 3;
    pub const UNPAUSEDOMAIN: u32 = 4;
    pub const GETDOMAININFO: u32 = 5;
    pub const SETVCPUAFFINITY: u32 = 9;
    pub const MAX_MEM: u32 = 11;
    pub const SETVCPUCONTEXT: u32 = 12;
    pub const GETVCPUINFO: u32 = 14;
    pub const MAX_VCPUS: u32 = 15;
    pub const SCHEDULER_OP: u32 = 16;
    pub const SETDOMAINHANDLE: u32 = 17;
    pub const HYPERCALL_INIT: u32 = 22;
    pub const GETVCPUAFFINITY: u32 = 25;
    pub const SETHVMCONTEXT: u32 = 34;
    pub const SETTSCINFO: u32 = 60;
    pub const GET_PAGING_MEMPOOL_SIZE: u32 = 85;
    pub const SET_PAGING_MEMPOOL_SIZE: u32 = 86;
}

/// Bytes of the union `u` of `struct xen_domctl`.
pub const DOMCTL_ARG_SIZE: usize = 128;

/// `struct xen_domctl` without its union.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct DomctlHeader {
    /// One of [`cmd`].
    pub cmd: u32,
    /// `XEN_DOMCTL_INTERFACE_VERSION` of the running hypervisor.
    pub interface_version: u32,
    /// The domain spoken of.
    pub domain: u16,
    /// Padding.
    pub _pad: [u16; 3],
}
plain!(DomctlHeader);

/// `XEN_DOMCTL_CDF_hvm`: an HVM or PVH guest.
pub const CDF_HVM: u32 = 1 << 0;
/// `XEN_DOMCTL_CDF_hap`: use hardware-assisted paging.
pub const CDF_HAP: u32 = 1 << 1;

/// `XEN_X86_EMU_LAPIC` (`public/arch-x86/xen.h`): what a PVH guest has emulated.
pub const X86_EMU_LAPIC: u32 = 1 << 0;

/// `struct xen_arch_domainconfig` (`public/arch-x86/xen.h`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ArchDomainConfig {
    /// `XEN_X86_EMU_*`.
    pub emulation_flags: u32,
    /// `XEN_X86_MSR_RELAXED` or 0.
    pub misc_flags: u32,
}

/// `struct xen_domctl_createdomain` up to where 0x17 inserted `altp2m_opts`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateDomainCommon {
    /// Security label; 0 without Flask.
    pub ssidref: u32,
    /// The domain's UUID.
    pub handle: [u8; 16],
    /// `XEN_DOMCTL_CDF_*`.
    pub flags: u32,
    /// 0 without an IOMMU.
    pub iommu_opts: u32,
    /// vCPUs the domain can ever have.
    pub max_vcpus: u32,
    /// Highest event channel port the domain may use.
    pub max_evtchn_port: u32,
    /// Frames of grant table the domain may grow to.
    pub max_grant_frames: i32,
    /// Frames of maptrack table the domain may grow to.
    pub max_maptrack_frames: i32,
    /// Grant table version, low 4 bits.
    pub grant_opts: u32,
}

/// `struct xen_domctl_createdomain`, interface versions 0x15 and 0x16.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateDomainV15 {
    /// What every version has.
    pub common: CreateDomainCommon,
    /// 0: no processor trace.
    pub vmtrace_size: u32,
    /// CPU pool to live in.
    pub cpupool_id: u32,
    /// x86's part.
    pub arch: ArchDomainConfig,
}

/// `struct xen_domctl_createdomain`, interface version 0x17.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateDomainV17 {
    /// What every version has.
    pub common: CreateDomainCommon,
    /// `XEN_DOMCTL_ALTP2M_*`; 0: none.
    pub altp2m_opts: u32,
    /// 0: no processor trace.
    pub vmtrace_size: u32,
    /// CPU pool to live in.
    pub cpupool_id: u32,
    /// x86's part.
    pub arch: ArchDomainConfig,
}

/// `XEN_DOMINF_dying`.
pub const DOMINF_DYING: u32 = 1 << 0;
/// `XEN_DOMINF_hvm_guest`.
pub const DOMINF_HVM_GUEST: u32 = 1 << 1;
/// `XEN_DOMINF_shutdown`.
pub const DOMINF_SHUTDOWN: u32 = 1 << 2;
/// `XEN_DOMINF_paused`.
pub const DOMINF_PAUSED: u32 = 1 << 3;
/// `XEN_DOMINF_blocked`.
pub const DOMINF_BLOCKED: u32 = 1 << 4;
/// `XEN_DOMINF_running`.
pub const DOMINF_RUNNING: u32 = 1 << 5;
/// `XEN_DOMINF_shutdownshift`: where the shutdown reason stands in `flags`.
pub const DOMINF_SHUTDOWN_SHIFT: u32 = 16;
/// `XEN_DOMINF_shutdownmask`.
pub const DOMINF_SHUTDOWN_MASK: u32 = 255;

/// `struct xen_domctl_getdomaininfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct GetDomainInfo {
    /// The domain the answer is about.
    pub domain: u16,
    /// Padding.
    pub _pad1: u16,
    /// `XEN_DOMINF_*`.
    pub flags: u32,
    /// Pages the domain has.
    pub tot_pages: u64,
    /// Pages it may have.
    pub max_pages: u64,
    /// Pages claimed but not yet allocated.
    pub outstanding_pages: u64,
    /// Shared pages.
    pub shr_pages: u64,
    /// Paged-out pages.
    pub paged_pages: u64,
    /// Machine frame of `shared_info`.
    pub shared_info_frame: u64,
    /// Nanoseconds of CPU time over all vCPUs.
    pub cpu_time: u64,
    /// vCPUs that are up.
    pub nr_online_vcpus: u32,
    /// Highest vCPU number.
    pub max_vcpu_id: u32,
    /// Security label.
    pub ssidref: u32,
    /// The domain's UUID.
    pub handle: [u8; 16],
    /// CPU pool.
    pub cpupool: u32,
    /// Width of guest-physical addresses in bits.
    pub gpaddr_bits: u8,
    /// Padding.
    pub _pad2: [u8; 7],
    /// x86's part.
    pub arch_config: ArchDomainConfig,
}

/// `struct xen_domctl_max_mem`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxMem {
    /// KiB.
    pub max_memkb: u64,
}

/// `struct xen_domctl_setdomainhandle`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SetDomainHandle {
    /// The domain's UUID.
    pub handle: [u8; 16],
}

/// `struct xen_domctl_max_vcpus`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxVcpus {
    /// vCPUs to allocate.
    pub max: u32,
}

/// `struct xen_domctl_vcpucontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct VcpuContext {
    /// vCPU number.
    pub vcpu: u32,
    /// Padding.
    pub _pad: u32,
    /// Address of a `vcpu_guest_context`.
    pub ctxt: u64,
}

/// `struct xen_domctl_getvcpuinfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct GetVcpuInfo {
    /// IN: vCPU number.
    pub vcpu: u32,
    /// Not hot-unplugged.
    pub online: u8,
    /// Waits for an event.
    pub blocked: u8,
    /// Scheduled on its CPU now.
    pub running: u8,
    /// Padding.
    pub _pad: u8,
    /// Nanoseconds of CPU time.
    pub cpu_time: u64,
    /// CPU it is or was last on.
    pub cpu: u32,
    /// Padding.
    pub _pad1: u32,
}

/// `XEN_VCPUAFFINITY_HARD`.
pub const VCPUAFFINITY_HARD: u32 = 1 << 0;

/// `struct xen_domctl_vcpuaffinity`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct VcpuAffinity {
    /// vCPU number.
    pub vcpu: u32,
    /// `XEN_VCPUAFFINITY_*`.
    pub flags: u32,
    /// CPUs the vCPU may run on.
    pub cpumap_hard: XenctlBitmap,
    /// CPUs it prefers.
    pub cpumap_soft: XenctlBitmap,
}

/// `XEN_SCHEDULER_CREDIT2`.
pub const SCHEDULER_CREDIT2: u32 = 6;
/// `XEN_DOMCTL_SCHEDOP_putinfo`.
pub const SCHEDOP_PUTINFO: u32 = 0;
/// `XEN_DOMCTL_SCHEDOP_getinfo`.
pub const SCHEDOP_GETINFO: u32 = 1;

/// `struct xen_domctl_scheduler_op` with `struct xen_domctl_sched_credit2`;
/// another member of its union has an address.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default)]
pub struct SchedulerOpCredit2 {
    /// `XEN_SCHEDULER_*`.
    pub sched_id: u32,
    /// `XEN_DOMCTL_SCHEDOP_*`.
    pub cmd: u32,
    /// Share relative to others, 1 to 65535; 256 is Xen's default.
    pub weight: u16,
    /// Percent of one CPU at most; 0: no cap.
    pub cap: u16,
    /// Rest of the union.
    pub _pad: [u8; 12],
}

/// `struct xen_domctl_hypercall_init`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HypercallInit {
    /// Frame to be written with hypercall stubs.
    pub gmfn: u64,
}

/// `struct xen_domctl_hvmcontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HvmContext {
    /// Bytes at `buffer`.
    pub size: u32,
    /// Padding.
    pub _pad: u32,
    /// Address of the save records.
    pub buffer: u64,
}

/// `TSC_MODE_DEFAULT` (`xen/arch/x86/include/asm/time.h`, xl.cfg(5) `tsc_mode`).
pub const TSC_MODE_DEFAULT: u32 = 0;
/// `TSC_MODE_ALWAYS_EMULATE`.
pub const TSC_MODE_ALWAYS_EMULATE: u32 = 1;
/// `TSC_MODE_NEVER_EMULATE`.
pub const TSC_MODE_NEVER_EMULATE: u32 = 2;

/// `struct xen_domctl_tsc_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TscInfo {
    /// `TSC_MODE_*`.
    pub tsc_mode: u32,
    /// Guest TSC frequency in kHz; 0: the host's.
    pub gtsc_khz: u32,
    /// Times the guest was restored.
    pub incarnation: u32,
    /// Padding.
    pub _pad: u32,
    /// Nanoseconds the guest has already seen.
    pub elapsed_nsec: u64,
}

/// `struct xen_domctl_paging_mempool`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PagingMempool {
    /// Bytes, a multiple of the page size.
    pub size: u64,
}

/// The argument of commands that have none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct NoArg {}

plain!(
    CreateDomainV15,
    CreateDomainV17,
    GetDomainInfo,
    MaxMem,
    SetDomainHandle,
    MaxVcpus,
    VcpuContext,
    GetVcpuInfo,
    VcpuAffinity,
    SchedulerOpCredit2,
    HypercallInit,
    HvmContext,
    TscInfo,
    PagingMempool,
    NoArg,
);
