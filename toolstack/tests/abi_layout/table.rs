//! Which C name stands behind what ring 1 declares. A new structure or constant
//! is one entry here; `every_item_of_abi_is_in_the_table` asks for it.

use lightvm::xen::abi::{
    self, domctl, event_channel, gntdev, hvm, hypercall, io_console, memory, privcmd, pv, sched,
    sysctl, version,
};

use crate::check::{Check, constants, structures};

/// `libxen-dev`'s headers that ring 1 copies from.
pub(super) const XEN_HEADERS: &[&str] = &[
    "xen/xen.h",
    "xen/domctl.h",
    "xen/event_channel.h",
    "xen/hvm/hvm_op.h",
    "xen/hvm/params.h",
    "xen/hvm/save.h",
    "xen/arch-x86/hvm/start_info.h",
    "xen/io/console.h",
    "xen/memory.h",
    "xen/sched.h",
    "xen/sysctl.h",
    "xen/version.h",
];

/// `linux-libc-dev`'s.
pub(super) const LINUX_HEADERS: &[&str] =
    &["sys/ioctl.h", "xen/grant_table.h", "xen/privcmd.h", "xen/evtchn.h", "xen/gntdev.h"];

/// What no public header has: numbers of the x86 architecture, and TSC modes,
/// which Xen keeps in `xen/arch/x86/include/asm/time.h`.
pub(super) const IN_NO_HEADER: &[&str] = &[
    "PAGE_SIZE",
    "PAGE_BYTES",
    "PAGE_SHIFT",
    "domctl::NoArg",
    "domctl::TSC_MODE_DEFAULT",
    "domctl::TSC_MODE_ALWAYS_EMULATE",
    "domctl::TSC_MODE_NEVER_EMULATE",
];

/// Interface versions the layouts are for; a folder with the wrong headers fails here.
const DOMCTL_OF_4_17: u32 = 0x15;
const DOMCTL_OF_4_20: u32 = 0x17;
const SYSCTL_OF_BOTH: u32 = 0x15;

/// What no supported release has changed.
pub(super) fn every_release() -> Vec<Check> {
    let mut checks = Vec::new();
    calls(&mut checks);
    domains(&mut checks);
    host(&mut checks);
    hvm_guests(&mut checks);
    pv_guests(&mut checks);
    checks
}

/// Interface versions 0x15 and 0x16 (Xen 4.17 and 4.18).
pub(super) fn domctl_0x15() -> Vec<Check> {
    let mut checks = Vec::new();
    constants! { checks: DOMCTL_OF_4_17 = "XEN_DOMCTL_INTERFACE_VERSION"; }
    structures! { checks:
        domctl::CreateDomainCommon = "struct xen_domctl_createdomain" before "vmtrace_size" {
            ssidref, handle, flags, iommu_opts, max_vcpus, max_evtchn_port, max_grant_frames,
            max_maptrack_frames, grant_opts,
        };
        domctl::CreateDomainV15 = "struct xen_domctl_createdomain" {
            common = "ssidref..vmtrace_size", vmtrace_size, cpupool_id, arch,
        };
    }
    checks
}

/// Interface version 0x17 (Xen 4.19 and 4.20).
pub(super) fn domctl_0x17() -> Vec<Check> {
    let mut checks = Vec::new();
    constants! { checks: DOMCTL_OF_4_20 = "XEN_DOMCTL_INTERFACE_VERSION"; }
    structures! { checks:
        domctl::CreateDomainCommon = "struct xen_domctl_createdomain" before "altp2m_opts" {
            ssidref, handle, flags, iommu_opts, max_vcpus, max_evtchn_port, max_grant_frames,
            max_maptrack_frames, grant_opts,
        };
        domctl::CreateDomainV17 = "struct xen_domctl_createdomain" {
            common = "ssidref..altp2m_opts", altp2m_opts, vmtrace_size, cpupool_id, arch,
        };
    }
    checks
}

/// dom0's device files.
pub(super) fn linux() -> Vec<Check> {
    let mut checks = Vec::new();
    structures! { checks:
        privcmd::PrivcmdHypercall = "struct privcmd_hypercall" { op, arg };
        privcmd::PrivcmdMmapBatchV2 = "struct privcmd_mmapbatch_v2" { num, dom, addr, arr, err };
        privcmd::PrivcmdMmapResource = "struct privcmd_mmap_resource" {
            dom, kind = "type", id, idx, num, addr
        };
        privcmd::EvtchnBindVirq = "struct ioctl_evtchn_bind_virq" { virq };
        privcmd::EvtchnBindInterdomain = "struct ioctl_evtchn_bind_interdomain" {
            remote_domain, remote_port,
        };
        privcmd::EvtchnPort = "struct ioctl_evtchn_unbind" { port };
        privcmd::EvtchnPort = "struct ioctl_evtchn_notify" { port };
        gntdev::GrantRef = "struct ioctl_gntdev_grant_ref" { domid, reference = "ref" };
        gntdev::MapGrantRef = "struct ioctl_gntdev_map_grant_ref" { count, index, refs };
        gntdev::UnmapGrantRef = "struct ioctl_gntdev_unmap_grant_ref" { index, count };
        gntdev::CopySegment = "struct gntdev_grant_copy_segment" {
            source, dest, len, flags, status,
        };
        gntdev::GrantCopy = "struct ioctl_gntdev_grant_copy" { count, segments };
    }
    constants! { checks:
        privcmd::IOCTL_PRIVCMD_HYPERCALL = "IOCTL_PRIVCMD_HYPERCALL";
        privcmd::IOCTL_PRIVCMD_MMAPBATCH_V2 = "IOCTL_PRIVCMD_MMAPBATCH_V2";
        privcmd::IOCTL_PRIVCMD_MMAP_RESOURCE = "IOCTL_PRIVCMD_MMAP_RESOURCE";
        privcmd::IOCTL_EVTCHN_BIND_VIRQ = "IOCTL_EVTCHN_BIND_VIRQ";
        privcmd::IOCTL_EVTCHN_BIND_INTERDOMAIN = "IOCTL_EVTCHN_BIND_INTERDOMAIN";
        privcmd::IOCTL_EVTCHN_UNBIND = "IOCTL_EVTCHN_UNBIND";
        privcmd::IOCTL_EVTCHN_NOTIFY = "IOCTL_EVTCHN_NOTIFY";
        gntdev::IOCTL_GNTDEV_MAP_GRANT_REF = "IOCTL_GNTDEV_MAP_GRANT_REF";
        gntdev::IOCTL_GNTDEV_UNMAP_GRANT_REF = "IOCTL_GNTDEV_UNMAP_GRANT_REF";
        gntdev::IOCTL_GNTDEV_GRANT_COPY = "IOCTL_GNTDEV_GRANT_COPY";
        gntdev::GNTCOPY_SOURCE_GREF = "GNTCOPY_source_gref";
        gntdev::GNTCOPY_DEST_GREF = "GNTCOPY_dest_gref";
        gntdev::GNTST_OKAY = "GNTST_okay";
        gntdev::MINUS_GNTST_BAD_COPY_ARG = "-GNTST_bad_copy_arg";
    }
    checks
}

fn calls(checks: &mut Vec<Check>) {
    constants! { checks:
        hypercall::MEMORY_OP = "__HYPERVISOR_memory_op";
        hypercall::XEN_VERSION = "__HYPERVISOR_xen_version";
        hypercall::MMUEXT_OP = "__HYPERVISOR_mmuext_op";
        hypercall::SCHED_OP = "__HYPERVISOR_sched_op";
        hypercall::EVENT_CHANNEL_OP = "__HYPERVISOR_event_channel_op";
        hypercall::HVM_OP = "__HYPERVISOR_hvm_op";
        hypercall::SYSCTL = "__HYPERVISOR_sysctl";
        hypercall::DOMCTL = "__HYPERVISOR_domctl";
        abi::DOMID_SELF = "DOMID_SELF";
        abi::DOMID_FIRST_RESERVED = "DOMID_FIRST_RESERVED";
        event_channel::ALLOC_UNBOUND = "EVTCHNOP_alloc_unbound";
        event_channel::VIRQ_DOM_EXC = "VIRQ_DOM_EXC";
        memory::POPULATE_PHYSMAP = "XENMEM_populate_physmap";
        memory::ADD_TO_PHYSMAP = "XENMEM_add_to_physmap";
        memory::ADD_TO_PHYSMAP_BATCH = "XENMEM_add_to_physmap_batch";
        memory::SET_MEMORY_MAP = "XENMEM_set_memory_map";
        memory::MAPSPACE_SHARED_INFO = "XENMAPSPACE_shared_info";
        memory::MAPSPACE_GRANT_TABLE = "XENMAPSPACE_grant_table";
        memory::RESOURCE_GRANT_TABLE = "XENMEM_resource_grant_table";
        memory::RESOURCE_GRANT_TABLE_SHARED = "XENMEM_resource_grant_table_id_shared";
        memory::RESERVED_GRANTS = "GNTTAB_NR_RESERVED_ENTRIES";
        memory::GRANT_ENTRY_BYTES = "sizeof(struct grant_entry_v1)";
        memory::GTF_PERMIT_ACCESS = "GTF_permit_access";
        memory::MMUEXT_PIN_L4_TABLE = "MMUEXT_PIN_L4_TABLE";
        version::XENVER_VERSION = "XENVER_version";
        version::XENVER_EXTRAVERSION = "XENVER_extraversion";
        version::XENVER_COMMANDLINE = "XENVER_commandline";
        sched::REMOTE_SHUTDOWN = "SCHEDOP_remote_shutdown";
        sched::SHUTDOWN_POWEROFF = "SHUTDOWN_poweroff";
        sched::SHUTDOWN_REBOOT = "SHUTDOWN_reboot";
        sched::SHUTDOWN_SUSPEND = "SHUTDOWN_suspend";
        sched::SHUTDOWN_CRASH = "SHUTDOWN_crash";
        sched::SHUTDOWN_WATCHDOG = "SHUTDOWN_watchdog";
        sched::SHUTDOWN_SOFT_RESET = "SHUTDOWN_soft_reset";
    }
    structures! { checks:
        abi::XenctlBitmap = "struct xenctl_bitmap" { bitmap, nr_bits };
        event_channel::AllocUnbound = "struct evtchn_alloc_unbound" { dom, remote_dom, port };
        memory::MemoryReservation = "struct xen_memory_reservation" {
            extent_start, nr_extents, extent_order, mem_flags, domid,
        };
        memory::AddToPhysmap = "struct xen_add_to_physmap" { domid, size, space, idx, gpfn };
        memory::AddToPhysmapBatch = "struct xen_add_to_physmap_batch" {
            domid, space, size, extra = "u", idxs, gpfns, errs,
        };
        memory::ForeignMemoryMap = "struct xen_foreign_memory_map" {
            domid, nr_entries = "map.nr_entries", buffer = "map.buffer",
        };
        memory::MmuextOp = "struct mmuext_op" { cmd, mfn = "arg1.mfn", arg2 };
        version::ExtraVersion = "xen_extraversion_t" {};
        version::CommandLine = "xen_commandline_t" {};
        sched::RemoteShutdown = "struct sched_remote_shutdown" { domain_id, reason };
    }
}

fn domains(checks: &mut Vec<Check>) {
    constants! { checks:
        domctl::cmd::CREATEDOMAIN = "XEN_DOMCTL_createdomain";
        domctl::cmd::DESTROYDOMAIN = "XEN_DOMCTL_destroydomain";
        domctl::cmd::PAUSEDOMAIN = "XEN_DOMCTL_pausedomain";
        domctl::cmd::UNPAUSEDOMAIN = "XEN_DOMCTL_unpausedomain";
        domctl::cmd::GETDOMAININFO = "XEN_DOMCTL_getdomaininfo";
        domctl::cmd::SETVCPUAFFINITY = "XEN_DOMCTL_setvcpuaffinity";
        domctl::cmd::MAX_MEM = "XEN_DOMCTL_max_mem";
        domctl::cmd::SETVCPUCONTEXT = "XEN_DOMCTL_setvcpucontext";
        domctl::cmd::GETVCPUINFO = "XEN_DOMCTL_getvcpuinfo";
        domctl::cmd::SETDOMAINHANDLE = "XEN_DOMCTL_setdomainhandle";
        domctl::cmd::MAX_VCPUS = "XEN_DOMCTL_max_vcpus";
        domctl::cmd::SCHEDULER_OP = "XEN_DOMCTL_scheduler_op";
        domctl::cmd::HYPERCALL_INIT = "XEN_DOMCTL_hypercall_init";
        domctl::cmd::GETVCPUAFFINITY = "XEN_DOMCTL_getvcpuaffinity";
        domctl::cmd::SETHVMCONTEXT = "XEN_DOMCTL_sethvmcontext";
        domctl::cmd::SETTSCINFO = "XEN_DOMCTL_settscinfo";
        domctl::cmd::GET_PAGING_MEMPOOL_SIZE = "XEN_DOMCTL_get_paging_mempool_size";
        domctl::cmd::SET_PAGING_MEMPOOL_SIZE = "XEN_DOMCTL_set_paging_mempool_size";
        domctl::DOMCTL_ARG_SIZE = "sizeof(((struct xen_domctl *)0)->u)";
        domctl::CDF_HVM = "XEN_DOMCTL_CDF_hvm";
        domctl::CDF_HAP = "XEN_DOMCTL_CDF_hap";
        domctl::X86_EMU_LAPIC = "XEN_X86_EMU_LAPIC";
        domctl::DOMINF_DYING = "XEN_DOMINF_dying";
        domctl::DOMINF_HVM_GUEST = "XEN_DOMINF_hvm_guest";
        domctl::DOMINF_SHUTDOWN = "XEN_DOMINF_shutdown";
        domctl::DOMINF_PAUSED = "XEN_DOMINF_paused";
        domctl::DOMINF_BLOCKED = "XEN_DOMINF_blocked";
        domctl::DOMINF_RUNNING = "XEN_DOMINF_running";
        domctl::DOMINF_SHUTDOWN_SHIFT = "XEN_DOMINF_shutdownshift";
        domctl::DOMINF_SHUTDOWN_MASK = "XEN_DOMINF_shutdownmask";
        domctl::VCPUAFFINITY_HARD = "XEN_VCPUAFFINITY_HARD";
        domctl::SCHEDULER_CREDIT2 = "XEN_SCHEDULER_CREDIT2";
        domctl::SCHEDOP_PUTINFO = "XEN_DOMCTL_SCHEDOP_putinfo";
        domctl::SCHEDOP_GETINFO = "XEN_DOMCTL_SCHEDOP_getinfo";
    }
    structures! { checks:
        domctl::DomctlHeader = "struct xen_domctl" before "u" { cmd, interface_version, domain };
        domctl::ArchDomainConfig = "struct xen_arch_domainconfig" { emulation_flags, misc_flags };
        domctl::GetDomainInfo = "struct xen_domctl_getdomaininfo" {
            domain, flags, tot_pages, max_pages, outstanding_pages, shr_pages, paged_pages,
            shared_info_frame, cpu_time, nr_online_vcpus, max_vcpu_id, ssidref, handle, cpupool,
            gpaddr_bits, arch_config,
        };
        domctl::MaxMem = "struct xen_domctl_max_mem" { max_memkb };
        domctl::SetDomainHandle = "struct xen_domctl_setdomainhandle" { handle };
        domctl::MaxVcpus = "struct xen_domctl_max_vcpus" { max };
        domctl::VcpuContext = "struct xen_domctl_vcpucontext" { vcpu, ctxt };
        domctl::GetVcpuInfo = "struct xen_domctl_getvcpuinfo" {
            vcpu, online, blocked, running, cpu_time, cpu,
        };
        domctl::VcpuAffinity = "struct xen_domctl_vcpuaffinity" {
            vcpu, flags, cpumap_hard, cpumap_soft,
        };
        domctl::SchedulerOpCredit2 = "struct xen_domctl_scheduler_op" {
            sched_id, cmd, weight = "u.credit2.weight", cap = "u.credit2.cap",
        };
        domctl::HypercallInit = "struct xen_domctl_hypercall_init" { gmfn };
        domctl::HvmContext = "struct xen_domctl_hvmcontext" { size, buffer };
        domctl::TscInfo = "struct xen_domctl_tsc_info" {
            tsc_mode, gtsc_khz, incarnation, elapsed_nsec,
        };
        domctl::PagingMempool = "struct xen_domctl_paging_mempool" { size };
    }
}

fn host(checks: &mut Vec<Check>) {
    constants! { checks:
        SYSCTL_OF_BOTH = "XEN_SYSCTL_INTERFACE_VERSION";
        sysctl::cmd::READCONSOLE = "XEN_SYSCTL_readconsole";
        sysctl::cmd::PHYSINFO = "XEN_SYSCTL_physinfo";
        sysctl::cmd::SCHED_ID = "XEN_SYSCTL_sched_id";
        sysctl::cmd::GETDOMAININFOLIST = "XEN_SYSCTL_getdomaininfolist";
        sysctl::cmd::CPUTOPOINFO = "XEN_SYSCTL_cputopoinfo";
        sysctl::cmd::CPUPOOL_OP = "XEN_SYSCTL_cpupool_op";
        sysctl::SYSCTL_ARG_SIZE = "sizeof(((struct xen_sysctl *)0)->u)";
        sysctl::PHYSCAP_HVM = "XEN_SYSCTL_PHYSCAP_hvm";
        sysctl::PHYSCAP_PV = "XEN_SYSCTL_PHYSCAP_pv";
        sysctl::PHYSCAP_HAP = "XEN_SYSCTL_PHYSCAP_hap";
        sysctl::CPUPOOL_OP_INFO = "XEN_SYSCTL_CPUPOOL_OP_INFO";
    }
    structures! { checks:
        sysctl::SysctlHeader = "struct xen_sysctl" before "u" { cmd, interface_version };
        sysctl::ReadConsole = "struct xen_sysctl_readconsole" {
            clear, incremental, index, buffer, count,
        };
        sysctl::PhysInfo = "struct xen_sysctl_physinfo" {
            threads_per_core, cores_per_socket, nr_cpus, max_cpu_id, nr_nodes, max_node_id,
            cpu_khz, capabilities, arch_capabilities, total_pages, free_pages, scrub_pages,
            outstanding_pages, max_mfn, hw_cap,
        };
        sysctl::SchedId = "struct xen_sysctl_sched_id" { sched_id };
        sysctl::GetDomainInfoList = "struct xen_sysctl_getdomaininfolist" {
            first_domain, max_domains, buffer, num_domains,
        };
        sysctl::CpuTopo = "struct xen_sysctl_cputopo" { core, socket, node };
        sysctl::CpuTopoInfo = "struct xen_sysctl_cputopoinfo" { num_cpus, cputopo };
        sysctl::CpupoolOp = "struct xen_sysctl_cpupool_op" {
            op, cpupool_id, sched_id, domid, cpu, n_dom, cpumap,
        };
    }
}

fn hvm_guests(checks: &mut Vec<Check>) {
    constants! { checks:
        hvm::SET_PARAM = "HVMOP_set_param";
        hvm::GET_PARAM = "HVMOP_get_param";
        hvm::PARAM_STORE_PFN = "HVM_PARAM_STORE_PFN";
        hvm::PARAM_STORE_EVTCHN = "HVM_PARAM_STORE_EVTCHN";
        hvm::PARAM_CONSOLE_PFN = "HVM_PARAM_CONSOLE_PFN";
        hvm::PARAM_CONSOLE_EVTCHN = "HVM_PARAM_CONSOLE_EVTCHN";
        hvm::SAVE_END = "HVM_SAVE_CODE(END)";
        hvm::SAVE_HEADER = "HVM_SAVE_CODE(HEADER)";
        hvm::SAVE_CPU = "HVM_SAVE_CODE(CPU)";
        hvm::SAVE_MTRR = "HVM_SAVE_CODE(MTRR)";
        hvm::FILE_MAGIC = "HVM_FILE_MAGIC";
        hvm::FILE_VERSION = "HVM_FILE_VERSION";
        hvm::START_MAGIC = "XEN_HVM_START_MAGIC_VALUE";
        hvm::MEMMAP_RAM = "XEN_HVM_MEMMAP_TYPE_RAM";
        hvm::MEMMAP_RESERVED = "XEN_HVM_MEMMAP_TYPE_RESERVED";
        hvm::MEMMAP_ACPI = "XEN_HVM_MEMMAP_TYPE_ACPI";
        io_console::IN_SIZE = "sizeof(((struct xencons_interface *)0)->in)";
        io_console::OUT_SIZE = "sizeof(((struct xencons_interface *)0)->out)";
        io_console::IN_OFFSET = "offsetof(struct xencons_interface, in)";
        io_console::OUT_OFFSET = "offsetof(struct xencons_interface, out)";
        io_console::IN_CONS = "offsetof(struct xencons_interface, in_cons)";
        io_console::IN_PROD = "offsetof(struct xencons_interface, in_prod)";
        io_console::OUT_CONS = "offsetof(struct xencons_interface, out_cons)";
        io_console::OUT_PROD = "offsetof(struct xencons_interface, out_prod)";
    }
    structures! { checks:
        hvm::HvmParam = "struct xen_hvm_param" { domid, index, value };
        hvm::SaveDescriptor = "struct hvm_save_descriptor" { typecode, instance, length };
        hvm::SaveHeader = "HVM_SAVE_TYPE(HEADER)" { magic, version, changeset, cpuid, gtsc_khz };
        hvm::HwCpu = "HVM_SAVE_TYPE(CPU)" {
            fpu_regs, rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8_to_r15 = "r8..rip", rip, rflags,
            cr0, cr2, cr3, cr4, dr0, dr1, dr2, dr3, dr6, dr7,
            cs_sel, ds_sel, es_sel, fs_sel, gs_sel, ss_sel, tr_sel, ldtr_sel,
            cs_limit, ds_limit, es_limit, fs_limit, gs_limit, ss_limit, tr_limit, ldtr_limit,
            idtr_limit, gdtr_limit,
            cs_base, ds_base, es_base, fs_base, gs_base, ss_base, tr_base, ldtr_base,
            idtr_base, gdtr_base,
            cs_arbytes, ds_arbytes, es_arbytes, fs_arbytes, gs_arbytes, ss_arbytes, tr_arbytes,
            ldtr_arbytes,
            sysenter_cs, sysenter_esp, sysenter_eip, shadow_gs, msr_flags, msr_lstar, msr_star,
            msr_cstar, msr_syscall_mask, msr_efer, msr_tsc_aux, tsc, pending_event, error_code,
            flags, pad0,
        };
        hvm::HwMtrr = "HVM_SAVE_TYPE(MTRR)" {
            msr_pat_cr, msr_mtrr_var, msr_mtrr_fixed, msr_mtrr_cap, msr_mtrr_def_type,
        };
        hvm::StartInfo = "struct hvm_start_info" {
            magic, version, flags, nr_modules, modlist_paddr, cmdline_paddr, rsdp_paddr,
            memmap_paddr, memmap_entries, reserved,
        };
        hvm::ModlistEntry = "struct hvm_modlist_entry" { paddr, size, cmdline_paddr, reserved };
        hvm::MemmapEntry = "struct hvm_memmap_table_entry" { addr, size, kind = "type", reserved };
    }
}

fn pv_guests(checks: &mut Vec<Check>) {
    constants! { checks:
        pv::MAX_GUEST_CMDLINE = "MAX_GUEST_CMDLINE";
        pv::SIF_MOD_START_PFN = "SIF_MOD_START_PFN";
        pv::FLAT_RING3_CS64 = "FLAT_RING3_CS64";
        pv::FLAT_RING3_SS64 = "FLAT_RING3_SS64";
        pv::VGCF_IN_KERNEL = "VGCF_in_kernel";
        pv::VGCF_ONLINE = "VGCF_online";
        pv::VCPU_INFO_SIZE = "sizeof(((struct shared_info *)0)->vcpu_info[0])";
        pv::UPCALL_MASK_OFFSET = "offsetof(struct shared_info, vcpu_info[0].evtchn_upcall_mask)";
        pv::LEGACY_MAX_VCPUS = "XEN_LEGACY_MAX_VCPUS";
    }
    structures! { checks:
        pv::PvStartInfo = "struct start_info" {
            magic, nr_pages, shared_info, flags, store_mfn, store_evtchn,
            console_mfn = "console.domU.mfn", console_evtchn = "console.domU.evtchn",
            pt_base, nr_pt_frames, mfn_list, mod_start, mod_len, cmd_line, first_p2m_pfn,
            nr_p2m_frames,
        };
        pv::CpuUserRegs = "struct cpu_user_regs" {
            r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, error_code,
            entry_vector, rip, cs, saved_upcall_mask, rflags, rsp, ss, es, ds, fs, gs,
        };
        pv::TrapInfo = "struct trap_info" { vector, flags, cs, address };
        pv::VcpuGuestContext = "struct vcpu_guest_context" {
            fpu_ctxt, flags, user_regs, trap_ctxt, ldt_base, ldt_ents, gdt_frames, gdt_ents,
            kernel_ss, kernel_sp, ctrlreg, debugreg, event_callback_eip, failsafe_callback_eip,
            syscall_callback_eip, vm_assist, fs_base, gs_base_kernel, gs_base_user,
        };
    }
}
