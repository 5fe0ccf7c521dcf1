//! `public/sysctl.h`: the host. Version 0x15 (Xen 4.17 to 4.20).

use super::{XenctlBitmap, plain};

/// `XEN_SYSCTL_*` command numbers.
pub mod cmd {
    #![allow(missing_docs)]
    pub const READCONSOLE: u32 = 1;
    pub const PHYSINFO: u32 = 3;
    pub const SCHED_ID: u32 = 4;
    pub const GETDOMAININFOLIST: u32 = 6;
    pub const CPUTOPOINFO: u32 = 16;
    pub const CPUPOOL_OP: u32 = 18;
}

/// Bytes of the union `u` of `struct xen_sysctl`.
pub const SYSCTL_ARG_SIZE: usize = 128;

/// `struct xen_sysctl` without its union.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SysctlHeader {
    /// One of [`cmd`].
    pub cmd: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION` of the running hypervisor.
    pub interface_version: u32,
}

/// `struct xen_sysctl_readconsole`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadConsole {
    /// Non-zero: forget what was read.
    pub clear: u8,
    /// Non-zero: start at `index`.
    pub incremental: u8,
    /// Padding.
    pub _pad: [u8; 2],
    /// IN: where to start; OUT: where the next read goes on.
    pub index: u32,
    /// Address to write to.
    pub buffer: u64,
    /// IN: bytes at `buffer`; OUT: bytes written.
    pub count: u32,
    /// Padding.
    pub _pad1: u32,
}

/// `struct xen_sysctl_physinfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PhysInfo {
    /// Hyperthreads of a core.
    pub threads_per_core: u32,
    /// Cores of a socket.
    pub cores_per_socket: u32,
    /// CPUs online.
    pub nr_cpus: u32,
    /// Highest possible CPU number.
    pub max_cpu_id: u32,
    /// NUMA nodes online.
    pub nr_nodes: u32,
    /// Highest possible node number.
    pub max_node_id: u32,
    /// CPU frequency in kHz.
    pub cpu_khz: u32,
    /// `XEN_SYSCTL_PHYSCAP_*`.
    pub capabilities: u32,
    /// Architecture's capabilities.
    pub arch_capabilities: u32,
    /// Padding.
    pub _pad: u32,
    /// Pages of memory.
    pub total_pages: u64,
    /// Pages free.
    pub free_pages: u64,
    /// Free pages that still have to be scrubbed.
    pub scrub_pages: u64,
    /// Pages claimed.
    pub outstanding_pages: u64,
    /// Highest machine frame.
    pub max_mfn: u64,
    /// CPU features.
    pub hw_cap: [u32; 8],
}

/// `XEN_SYSCTL_PHYSCAP_hvm`.
pub const PHYSCAP_HVM: u32 = 1 << 0;
/// `XEN_SYSCTL_PHYSCAP_pv`.
pub const PHYSCAP_PV: u32 = 1 << 1;
/// `XEN_SYSCTL_PHYSCAP_hap`.
pub const PHYSCAP_HAP: u32 = 1 << 3;

/// `struct xen_sysctl_sched_id`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SchedId {
    /// `XEN_SCHEDULER_*` of pool 0.
    pub sched_id: u32,
}

/// `struct xen_sysctl_getdomaininfolist`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct GetDomainInfoList {
    /// First domain to report.
    pub first_domain: u16,
    /// Padding.
    pub _pad: u16,
    /// Entries at `buffer`.
    pub max_domains: u32,
    /// Address of `xen_domctl_getdomaininfo` entries.
    pub buffer: u64,
    /// OUT: entries written.
    pub num_domains: u32,
    /// Padding.
    pub _pad1: u32,
}

/// `struct xen_sysctl_cputopo`: where one CPU sits.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTopo {
    /// Core within the socket.
    pub core: u32,
    /// Socket.
    pub socket: u32,
    /// NUMA node.
    pub node: u32,
}

/// `struct xen_sysctl_cputopoinfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTopoInfo {
    /// IN: entries at `cputopo`; OUT: entries there are.
    pub num_cpus: u32,
    /// Padding.
    pub _pad: u32,
    /// Address of [`CpuTopo`] entries.
    pub cputopo: u64,
}

/// `XEN_SYSCTL_CPUPOOL_OP_INFO`.
pub const CPUPOOL_OP_INFO: u32 = 3;

/// `struct xen_sysctl_cpupool_op`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CpupoolOp {
    /// `XEN_SYSCTL_CPUPOOL_OP_*`.
    pub op: u32,
    /// IN: pool to start at; OUT: pool found.
    pub cpupool_id: u32,
    /// OUT: its scheduler.
    pub sched_id: u32,
    /// Domain, for a move.
    pub domid: u32,
    /// CPU, for adding or removing.
    pub cpu: u32,
    /// OUT: domains in it.
    pub n_dom: u32,
    /// OUT: its CPUs.
    pub cpumap: XenctlBitmap,
}

plain!(
    SysctlHeader,
    CpuTopo,
    CpuTopoInfo,
    ReadConsole,
    PhysInfo,
    SchedId,
    GetDomainInfoList,
    CpupoolOp
);
