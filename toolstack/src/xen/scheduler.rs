//! CPUs and their sharing: affinity and the credit2 scheduler.

use serde::{Deserialize, Serialize};

use super::abi::domctl::{self, cmd};
use super::abi::{XenctlBitmap, sysctl};
use super::{Call, DomId, Xen, XenError};

/// A set of physical CPUs, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuMap {
    bytes: Vec<u8>,
}

impl CpuMap {
    /// An empty set with room for `cpus` CPUs.
    pub fn new(cpus: u32) -> Self {
        CpuMap { bytes: vec![0; cpus.div_ceil(8) as usize] }
    }

    /// Adds `cpu`, growing the set as needed.
    pub fn insert(&mut self, cpu: u32) {
        let byte = (cpu / 8) as usize;
        if self.bytes.len() <= byte {
            self.bytes.resize(byte + 1, 0);
        }
        self.bytes[byte] |= 1 << (cpu % 8);
    }

    /// True when `cpu` is in the set.
    pub fn contains(&self, cpu: u32) -> bool {
        self.bytes.get((cpu / 8) as usize).is_some_and(|b| b & 1 << (cpu % 8) != 0)
    }

    /// The CPUs in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let bits = u32::try_from(self.bytes.len() * 8).unwrap_or(u32::MAX);
        (0..bits).filter(|&cpu| self.contains(cpu))
    }

    /// True when no CPU is in the set.
    pub fn is_empty(&self) -> bool {
        self.bytes.iter().all(|&b| b == 0)
    }
}

impl FromIterator<u32> for CpuMap {
    fn from_iter<I: IntoIterator<Item = u32>>(cpus: I) -> Self {
        let mut map = CpuMap::default();
        cpus.into_iter().for_each(|cpu| map.insert(cpu));
        map
    }
}

/// A domain's share under the credit2 scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit2 {
    /// Share relative to others, 1 to 65535; 256 is Xen's default.
    pub weight: u16,
    /// Percent of one CPU at most; 0: no cap.
    pub cap: u16,
}

/// Most CPUs a bitmap is exchanged for: the bound of Xen's `NR_CPUS` on x86.
const MAX_CPUS: u32 = 4096;
const MAX_CPU_BYTES: usize = MAX_CPUS as usize / 8;

impl Xen {
    /// Says on which CPUs a vCPU may run.
    ///
    /// # Errors
    /// [`XenError::Call`], `EINVAL` when none of them is in the domain's pool.
    pub fn set_affinity(&self, domain: DomId, vcpu: u32, cpus: &CpuMap) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_setvcpuaffinity");
        let mut buffer = self.buffer()?;
        let bytes = &cpus.bytes[..cpus.bytes.len().min(MAX_CPU_BYTES)];
        let slot = buffer.put_slice(bytes);
        let bitmap = XenctlBitmap {
            bitmap: buffer.address(slot),
            nr_bits: u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX),
            _pad: 0,
        };
        let mut arg = domctl::VcpuAffinity {
            vcpu,
            flags: domctl::VCPUAFFINITY_HARD,
            cpumap_hard: bitmap,
            cpumap_soft: XenctlBitmap::default(),
        };
        // Xen writes the affinity in force back to where it read from.
        self.domctl_in(&mut buffer, CALL, cmd::SETVCPUAFFINITY, domain, &mut arg).map(drop)
    }

    /// The CPUs on which a vCPU may run.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn affinity(&self, domain: DomId, vcpu: u32) -> Result<CpuMap, XenError> {
        const CALL: Call = Call("XEN_DOMCTL_getvcpuaffinity");
        let mut buffer = self.buffer()?;
        let slot = buffer.reserve_zeroed(MAX_CPU_BYTES);
        let bitmap = XenctlBitmap { bitmap: buffer.address(slot), nr_bits: MAX_CPUS, _pad: 0 };
        let mut arg = domctl::VcpuAffinity {
            vcpu,
            flags: domctl::VCPUAFFINITY_HARD,
            cpumap_hard: bitmap,
            cpumap_soft: XenctlBitmap::default(),
        };
        self.domctl_in(&mut buffer, CALL, cmd::GETVCPUAFFINITY, domain, &mut arg)?;
        let mut bytes = vec![0; MAX_CPU_BYTES];
        buffer.get_slice(slot, &mut bytes);
        Ok(CpuMap { bytes })
    }

    /// A domain's credit2 share.
    ///
    /// # Errors
    /// [`XenError::Call`], `EINVAL` when its pool has another scheduler.
    pub fn credit2(&self, domain: DomId) -> Result<Credit2, XenError> {
        let arg =
            self.credit2_op(domain, domctl::SCHEDOP_GETINFO, Credit2 { weight: 0, cap: 0 })?;
        Ok(Credit2 { weight: arg.weight, cap: arg.cap })
    }

    /// Sets a domain's credit2 share.
    ///
    /// # Errors
    /// [`XenError::Call`], `EINVAL` when its pool has another scheduler, or for a
    /// weight of 0.
    pub fn set_credit2(&self, domain: DomId, share: Credit2) -> Result<(), XenError> {
        self.credit2_op(domain, domctl::SCHEDOP_PUTINFO, share).map(drop)
    }

    fn credit2_op(
        &self,
        domain: DomId,
        op: u32,
        share: Credit2,
    ) -> Result<domctl::SchedulerOpCredit2, XenError> {
        const CALL: Call = Call("XEN_DOMCTL_scheduler_op");
        let mut arg = domctl::SchedulerOpCredit2 {
            sched_id: domctl::SCHEDULER_CREDIT2,
            cmd: op,
            weight: share.weight,
            cap: share.cap,
            _pad: [0; 12],
        };
        self.domctl(CALL, cmd::SCHEDULER_OP, domain, &mut arg)?;
        Ok(arg)
    }

    /// The scheduler of CPU pool 0, as `XEN_SCHEDULER_*` counts them.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn default_scheduler(&self) -> Result<u32, XenError> {
        const CALL: Call = Call("XEN_SYSCTL_sched_id");
        let mut arg = sysctl::SchedId::default();
        self.sysctl_in(&mut self.buffer()?, CALL, sysctl::cmd::SCHED_ID, &mut arg)?;
        Ok(arg.sched_id)
    }
}
