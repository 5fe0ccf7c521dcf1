//! Domains: making, asking, pausing and ending them.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::abi::domctl::{self, cmd};
use super::abi::{PAGE_SIZE, hypercall, sched};
use super::{Call, DomId, Xen, XenError};

/// What `XEN_DOMCTL_createdomain` is asked for.
#[derive(Clone, Copy, Debug)]
pub struct CreateDomain {
    /// The domain's identity.
    pub uuid: Uuid,
    /// Hardware-virtualised (PVH) rather than PV.
    pub hvm: bool,
    /// vCPUs it can ever have.
    pub max_vcpus: u32,
    /// Highest event channel port it may use.
    pub max_evtchn_port: u32,
    /// Grant table frames it may grow to; each holds 512 entries.
    pub max_grant_frames: u16,
    /// Maptrack frames it may grow to; only a guest that maps others' grants needs any.
    pub max_maptrack_frames: u16,
    /// CPU pool to live in.
    pub cpupool: u32,
}

impl CreateDomain {
    fn common(&self) -> domctl::CreateDomainCommon {
        domctl::CreateDomainCommon {
            handle: *self.uuid.as_bytes(),
            flags: if self.hvm { domctl::CDF_HVM | domctl::CDF_HAP } else { 0 },
            max_vcpus: self.max_vcpus,
            max_evtchn_port: self.max_evtchn_port,
            max_grant_frames: i32::from(self.max_grant_frames),
            max_maptrack_frames: i32::from(self.max_maptrack_frames),
            grant_opts: 1,
            ..Default::default()
        }
    }

    fn arch(&self) -> domctl::ArchDomainConfig {
        domctl::ArchDomainConfig {
            emulation_flags: if self.hvm { domctl::X86_EMU_LAPIC } else { 0 },
            misc_flags: 0,
        }
    }
}

/// Why a domain stopped running by itself (`public/sched.h`, `SHUTDOWN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownReason {
    /// It powered itself off.
    Poweroff,
    /// It wants to be started again.
    Reboot,
    /// It suspended itself.
    Suspend,
    /// It crashed.
    Crash,
    /// Its watchdog fired.
    Watchdog,
    /// It wants to be reset in place (kexec).
    SoftReset,
    /// A number no header names.
    Other(u8),
}

impl ShutdownReason {
    fn from_raw(raw: u8) -> Self {
        match u32::from(raw) {
            sched::SHUTDOWN_POWEROFF => ShutdownReason::Poweroff,
            sched::SHUTDOWN_REBOOT => ShutdownReason::Reboot,
            sched::SHUTDOWN_SUSPEND => ShutdownReason::Suspend,
            sched::SHUTDOWN_CRASH => ShutdownReason::Crash,
            sched::SHUTDOWN_WATCHDOG => ShutdownReason::Watchdog,
            sched::SHUTDOWN_SOFT_RESET => ShutdownReason::SoftReset,
            _ => ShutdownReason::Other(raw),
        }
    }

    fn to_raw(self) -> u32 {
        match self {
            ShutdownReason::Poweroff => sched::SHUTDOWN_POWEROFF,
            ShutdownReason::Reboot => sched::SHUTDOWN_REBOOT,
            ShutdownReason::Suspend => sched::SHUTDOWN_SUSPEND,
            ShutdownReason::Crash => sched::SHUTDOWN_CRASH,
            ShutdownReason::Watchdog => sched::SHUTDOWN_WATCHDOG,
            ShutdownReason::SoftReset => sched::SHUTDOWN_SOFT_RESET,
            ShutdownReason::Other(raw) => u32::from(raw),
        }
    }
}

/// What a domain is doing, the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DomainState {
    /// Being taken apart.
    Dying,
    /// Stopped by itself, waiting to be destroyed.
    Shutdown(ShutdownReason),
    /// Held by the toolstack.
    Paused,
    /// Waiting for an event on every vCPU.
    Blocked,
    /// On a CPU, or ready to be.
    Running,
}

/// What Xen knows of a domain (`XEN_DOMCTL_getdomaininfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DomainInfo {
    /// Its number.
    pub domid: DomId,
    /// Its identity.
    pub uuid: Uuid,
    /// PVH or HVM rather than PV.
    pub hvm: bool,
    /// What it is doing.
    pub state: DomainState,
    /// Held by the toolstack, whatever else it is.
    pub paused: bool,
    /// Bytes of memory it has.
    pub memory: u64,
    /// Bytes of memory it may have.
    pub max_memory: u64,
    /// Nanoseconds of CPU time over all vCPUs.
    pub cpu_time: u64,
    /// vCPUs that are up.
    pub online_vcpus: u32,
    /// vCPUs it has.
    pub vcpus: u32,
    /// CPU pool it lives in.
    pub cpupool: u32,
    /// Machine frame of its `shared_info`.
    pub(crate) shared_info_frame: u64,
}

impl From<domctl::GetDomainInfo> for DomainInfo {
    fn from(raw: domctl::GetDomainInfo) -> Self {
        let has = |flag| raw.flags & flag != 0;
        let reason = raw.flags >> domctl::DOMINF_SHUTDOWN_SHIFT & domctl::DOMINF_SHUTDOWN_MASK;
        let reason = ShutdownReason::from_raw(u8::try_from(reason).unwrap_or(u8::MAX));
        let state = match () {
            () if has(domctl::DOMINF_DYING) => DomainState::Dying,
            () if has(domctl::DOMINF_SHUTDOWN) => DomainState::Shutdown(reason),
            () if has(domctl::DOMINF_PAUSED) => DomainState::Paused,
            () if has(domctl::DOMINF_BLOCKED) => DomainState::Blocked,
            () => DomainState::Running,
        };
        DomainInfo {
            domid: DomId(raw.domain),
            uuid: Uuid::from_bytes(raw.handle),
            hvm: has(domctl::DOMINF_HVM_GUEST),
            state,
            paused: has(domctl::DOMINF_PAUSED),
            memory: raw.tot_pages.saturating_mul(PAGE_SIZE),
            max_memory: raw.max_pages.saturating_mul(PAGE_SIZE),
            cpu_time: raw.cpu_time,
            online_vcpus: raw.nr_online_vcpus,
            vcpus: raw.max_vcpu_id.wrapping_add(1),
            cpupool: raw.cpupool,
            shared_info_frame: raw.shared_info_frame,
        }
    }
}

/// What Xen knows of a vCPU (`XEN_DOMCTL_getvcpuinfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VcpuInfo {
    /// Its number.
    pub vcpu: u32,
    /// It is up.
    pub online: bool,
    /// It waits for an event.
    pub blocked: bool,
    /// It is on its CPU now.
    pub running: bool,
    /// Nanoseconds of CPU time.
    pub cpu_time: u64,
    /// The CPU it is on, or was on last.
    pub cpu: u32,
}

impl Xen {
    /// Makes a domain without memory and vCPUs, paused, under a number of Xen's choice.
    ///
    /// # Errors
    /// [`XenError::Call`], `ENOMEM` when Xen's heap is full.
    pub fn create_domain(&self, config: &CreateDomain) -> Result<DomId, XenError> {
        const CALL: Call = Call("XEN_DOMCTL_createdomain");
        let (common, cpupool_id, arch) = (config.common(), config.cpupool, config.arch());
        if self.version.domctl >= 0x17 {
            let mut arg = domctl::CreateDomainV17 {
                common,
                altp2m_opts: 0,
                vmtrace_size: 0,
                cpupool_id,
                arch,
            };
            self.domctl(CALL, cmd::CREATEDOMAIN, DomId::DOM0, &mut arg)
        } else {
            let mut arg = domctl::CreateDomainV15 { common, vmtrace_size: 0, cpupool_id, arch };
            self.domctl(CALL, cmd::CREATEDOMAIN, DomId::DOM0, &mut arg)
        }
    }

    /// Ends a domain and gives its memory back; returns when both are done.
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when it is gone already.
    pub fn destroy_domain(&self, domain: DomId) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_destroydomain");
        loop {
            match self.domctl(CALL, cmd::DESTROYDOMAIN, domain, &mut domctl::NoArg {}) {
                // Xen stops half-way when it worked long enough, to be asked again.
                Err(XenError::Call(e)) if e.errno == Errno::EAGAIN => {}
                other => return other.map(drop),
            }
        }
    }

    /// Holds a domain; holds count, each needs its own [`Xen::unpause_domain`].
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when it is gone.
    pub fn pause_domain(&self, domain: DomId) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_pausedomain");
        self.domctl(CALL, cmd::PAUSEDOMAIN, domain, &mut domctl::NoArg {}).map(drop)
    }

    /// Takes one hold back.
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when it is gone, `EINVAL` when it was not held.
    pub fn unpause_domain(&self, domain: DomId) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_unpausedomain");
        self.domctl(CALL, cmd::UNPAUSEDOMAIN, domain, &mut domctl::NoArg {}).map(drop)
    }

    /// Gives a domain another UUID.
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when it is gone.
    pub fn set_domain_uuid(&self, domain: DomId, uuid: Uuid) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_setdomainhandle");
        let mut arg = domctl::SetDomainHandle { handle: *uuid.as_bytes() };
        self.domctl(CALL, cmd::SETDOMAINHANDLE, domain, &mut arg).map(drop)
    }

    /// Allocates the domain's vCPUs.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn set_max_vcpus(&self, domain: DomId, max: u32) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_max_vcpus");
        self.domctl(CALL, cmd::MAX_VCPUS, domain, &mut domctl::MaxVcpus { max }).map(drop)
    }

    /// Bounds the domain's memory, in bytes, rounded up to KiB.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn set_max_memory(&self, domain: DomId, bytes: u64) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_max_mem");
        let mut arg = domctl::MaxMem { max_memkb: bytes.div_ceil(1024) };
        self.domctl(CALL, cmd::MAX_MEM, domain, &mut arg).map(drop)
    }

    /// Says how the guest's `rdtsc` is served: one of `abi::domctl::TSC_MODE_*`.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn set_tsc_mode(&self, domain: DomId, tsc_mode: u32) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_settscinfo");
        let mut arg = domctl::TscInfo { tsc_mode, ..Default::default() };
        self.domctl(CALL, cmd::SETTSCINFO, domain, &mut arg).map(drop)
    }

    /// Sets the memory Xen may use for the domain's own page tables, in bytes.
    ///
    /// # Errors
    /// [`XenError::Call`], `ENOMEM` when the host has no such memory.
    pub fn set_paging_pool(&self, domain: DomId, bytes: u64) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_set_paging_mempool_size");
        loop {
            let mut arg = domctl::PagingMempool { size: bytes };
            match self.domctl(CALL, cmd::SET_PAGING_MEMPOOL_SIZE, domain, &mut arg) {
                Err(XenError::Call(e)) if e.errno == Errno::EAGAIN => {}
                other => return other.map(drop),
            }
        }
    }

    /// What Xen knows of a domain.
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when there is no such domain.
    pub fn domain_info(&self, domain: DomId) -> Result<DomainInfo, XenError> {
        const CALL: Call = Call("XEN_DOMCTL_getdomaininfo");
        let mut arg = domctl::GetDomainInfo::default();
        self.domctl(CALL, cmd::GETDOMAININFO, domain, &mut arg)?;
        // Xen before 4.18 answers with the next domain where this one is missing.
        if arg.domain == domain.0 {
            Ok(arg.into())
        } else {
            Err(self.failed(CALL, Some(domain), Errno::ESRCH))
        }
    }

    /// What Xen knows of a vCPU.
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when there is no such domain or vCPU.
    pub fn vcpu_info(&self, domain: DomId, vcpu: u32) -> Result<VcpuInfo, XenError> {
        const CALL: Call = Call("XEN_DOMCTL_getvcpuinfo");
        let mut arg = domctl::GetVcpuInfo { vcpu, ..Default::default() };
        self.domctl(CALL, cmd::GETVCPUINFO, domain, &mut arg)?;
        Ok(VcpuInfo {
            vcpu,
            online: arg.online != 0,
            blocked: arg.blocked != 0,
            running: arg.running != 0,
            cpu_time: arg.cpu_time,
            cpu: arg.cpu,
        })
    }

    /// Stops a domain as if it had shut itself down for `reason`. The guest is
    /// not asked.
    ///
    /// # Errors
    /// [`XenError::Call`], `ESRCH` when it is gone.
    pub fn shutdown_domain(&self, domain: DomId, reason: ShutdownReason) -> Result<(), XenError> {
        const CALL: Call = Call("SCHEDOP_remote_shutdown");
        let mut buffer = self.buffer()?;
        let arg = sched::RemoteShutdown { domain_id: domain.0, _pad: 0, reason: reason.to_raw() };
        let arg = buffer.put(&arg);
        let args = [sched::REMOTE_SHUTDOWN, buffer.address(arg), 0, 0, 0];
        // SAFETY: the buffer holds a `sched_remote_shutdown` and outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::SCHED_OP, args) }.map(drop)
    }
}
