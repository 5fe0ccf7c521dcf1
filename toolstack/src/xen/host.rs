//! The host as a whole: its size, its domains, its pools and its log.

use nix::errno::Errno;
use serde::Serialize;

use super::abi::{PAGE_SIZE, XenctlBitmap, domctl, hypercall, sysctl, version};
use super::dev::BUFFER_SIZE;
use super::{Call, DomId, DomainInfo, Xen, XenError};

/// What the machine has (`XEN_SYSCTL_physinfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Host {
    /// CPUs online.
    pub cpus: u32,
    /// NUMA nodes online.
    pub nodes: u32,
    /// CPU frequency in kHz.
    pub cpu_khz: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of memory nobody has, scrubbed or not.
    pub free_memory: u64,
    /// PVH guests can be built here.
    pub pvh: bool,
    /// PV guests can be built here.
    pub pv: bool,
}

/// A CPU pool (`XEN_SYSCTL_CPUPOOL_OP_INFO`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CpuPool {
    /// Its number.
    pub id: u32,
    /// Its scheduler, as `XEN_SCHEDULER_*` counts them.
    pub scheduler: u32,
    /// Domains in it.
    pub domains: u32,
}

/// Some of the host's domains.
#[derive(Clone, Debug)]
pub struct Domains {
    /// Ascending by number.
    pub domains: Vec<DomainInfo>,
    /// Where to go on; `None`: there are no others behind them.
    pub next: Option<DomId>,
}

impl Domains {
    /// Whether a domain of this number, no less than what was asked for, would be among them.
    #[must_use]
    pub fn reaches(&self, number: DomId) -> bool {
        self.next.is_none_or(|next| number < next)
    }
}

/// Domains asked for at a time; their descriptions fill most of a buffer.
const LIST_BATCH: u16 = 100;
/// Most CPUs of a host; Debian's Xen is built for 512.
const CPU_BATCH: u16 = 1024;
/// Bytes of Xen's log read at a time.
const LOG_BATCH: u16 = 15_872;
const _: () =
    assert!(LIST_BATCH as usize * size_of::<domctl::GetDomainInfo>() <= BUFFER_SIZE - 512);
const _: () = assert!(LOG_BATCH as usize <= BUFFER_SIZE - 512);

impl Xen {
    /// What the machine has.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn host(&self) -> Result<Host, XenError> {
        const CALL: Call = Call("XEN_SYSCTL_physinfo");
        let mut arg = sysctl::PhysInfo::default();
        self.sysctl_in(&mut self.buffer()?, CALL, sysctl::cmd::PHYSINFO, &mut arg)?;
        let capable = |flags| arg.capabilities & flags == flags;
        Ok(Host {
            cpus: arg.nr_cpus,
            nodes: arg.nr_nodes,
            cpu_khz: arg.cpu_khz,
            memory: arg.total_pages.saturating_mul(PAGE_SIZE),
            free_memory: arg.free_pages.saturating_mul(PAGE_SIZE),
            pvh: capable(sysctl::PHYSCAP_HVM | sysctl::PHYSCAP_HAP),
            pv: capable(sysctl::PHYSCAP_PV),
        })
    }

    /// Every domain there is, ascending by number.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn domains(&self) -> Result<Vec<DomainInfo>, XenError> {
        let mut all = Vec::new();
        let mut first = DomId(0);
        loop {
            let Domains { domains, next } = self.domains_from(first)?;
            all.extend(domains);
            match next {
                Some(next) => first = next,
                None => return Ok(all),
            }
        }
    }

    /// The domains whose numbers are `first` or more, as many as one call tells of.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn domains_from(&self, first: DomId) -> Result<Domains, XenError> {
        const CALL: Call = Call("XEN_SYSCTL_getdomaininfolist");
        let mut buffer = self.buffer()?;
        let list =
            buffer.reserve_zeroed(usize::from(LIST_BATCH) * size_of::<domctl::GetDomainInfo>());
        let mut arg = sysctl::GetDomainInfoList {
            first_domain: first.0,
            max_domains: u32::from(LIST_BATCH),
            buffer: buffer.address(list),
            ..Default::default()
        };
        self.sysctl_in(&mut buffer, CALL, sysctl::cmd::GETDOMAININFOLIST, &mut arg)?;
        let found = (arg.num_domains as usize).min(usize::from(LIST_BATCH));
        let mut raw = vec![domctl::GetDomainInfo::default(); found];
        buffer.get_slice(list, &mut raw);
        let domains: Vec<_> = raw.into_iter().map(DomainInfo::from).collect();
        let is_full = found == usize::from(LIST_BATCH);
        let next = domains.last().filter(|_| is_full).map(|last| DomId(last.domid.0 + 1));
        Ok(Domains { domains, next })
    }

    /// Every CPU pool there is.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn cpu_pools(&self) -> Result<Vec<CpuPool>, XenError> {
        const CALL: Call = Call("XEN_SYSCTL_CPUPOOL_OP_INFO");
        let mut pools: Vec<CpuPool> = Vec::new();
        loop {
            let mut buffer = self.buffer()?;
            let map = buffer.reserve_zeroed(512);
            let mut arg = sysctl::CpupoolOp {
                op: sysctl::CPUPOOL_OP_INFO,
                cpupool_id: pools.last().map_or(0, |p| p.id + 1),
                cpumap: XenctlBitmap { bitmap: buffer.address(map), nr_bits: 4096, _pad: 0 },
                ..Default::default()
            };
            match self.sysctl_in(&mut buffer, CALL, sysctl::cmd::CPUPOOL_OP, &mut arg) {
                Ok(()) => pools.push(CpuPool {
                    id: arg.cpupool_id,
                    scheduler: arg.sched_id,
                    domains: arg.n_dom,
                }),
                Err(e) if e.errno() == Some(Errno::ENOENT) => return Ok(pools),
                Err(e) => return Err(e),
            }
        }
    }

    /// Xen's own log, oldest first; `clear` empties it.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn log(&self, clear: bool) -> Result<Vec<u8>, XenError> {
        const CALL: Call = Call("XEN_SYSCTL_readconsole");
        let mut log = Vec::new();
        let mut index = 0;
        loop {
            let mut buffer = self.buffer()?;
            let text = buffer.reserve_zeroed(usize::from(LOG_BATCH));
            let mut arg = sysctl::ReadConsole {
                clear: u8::from(clear),
                incremental: 1,
                index,
                buffer: buffer.address(text),
                count: u32::from(LOG_BATCH),
                ..Default::default()
            };
            self.sysctl_in(&mut buffer, CALL, sysctl::cmd::READCONSOLE, &mut arg)?;
            let count = (arg.count as usize).min(usize::from(LOG_BATCH));
            if count == 0 {
                return Ok(log);
            }
            let at = log.len();
            log.resize(at + count, 0);
            buffer.get_slice(text, &mut log[at..]);
            index = arg.index;
        }
    }

    /// What stands behind the version number, such as `.7`.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn extra_version(&self) -> Result<String, XenError> {
        const CALL: Call = Call("XENVER_extraversion");
        let mut buffer = self.buffer()?;
        let text = buffer.put(&version::ExtraVersion::default());
        let args = [version::XENVER_EXTRAVERSION, buffer.address(text), 0, 0, 0];
        // SAFETY: the buffer holds an `xen_extraversion_t` and outlives the call.
        unsafe { self.hypercall(CALL, None, hypercall::XEN_VERSION, args)? };
        let text: version::ExtraVersion = buffer.get(text);
        let end = text.0.iter().position(|&b| b == 0).unwrap_or(text.0.len());
        Ok(String::from_utf8_lossy(&text.0[..end]).into_owned())
    }

    /// The NUMA node of every CPU, by CPU number.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn cpu_nodes(&self) -> Result<Vec<u32>, XenError> {
        const CALL: Call = Call("XEN_SYSCTL_cputopoinfo");
        let mut buffer = self.buffer()?;
        let list = buffer.reserve_zeroed(usize::from(CPU_BATCH) * size_of::<sysctl::CpuTopo>());
        let mut arg = sysctl::CpuTopoInfo {
            num_cpus: u32::from(CPU_BATCH),
            _pad: 0,
            cputopo: buffer.address(list),
        };
        self.sysctl_in(&mut buffer, CALL, sysctl::cmd::CPUTOPOINFO, &mut arg)?;
        let found = (arg.num_cpus as usize).min(usize::from(CPU_BATCH));
        let mut raw = vec![sysctl::CpuTopo::default(); found];
        buffer.get_slice(list, &mut raw);
        Ok(raw.into_iter().map(|cpu| cpu.node).collect())
    }
}
