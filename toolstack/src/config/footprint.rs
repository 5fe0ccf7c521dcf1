//! What a guest takes of its host's memory.

use super::{GuestConfig, GuestType, MemSize};

/// What Xen keeps of a domain, in KiB: an estimate.
const DOMAIN_KIB: u64 = 128;
/// What it keeps of a vCPU, likewise.
const VCPU_KIB: u64 = 32;
/// The paging pool of a PVH guest, in KiB, beside 16 bytes for each page.
const PAGING_POOL_KIB: u64 = 1 << 10;

/// Bytes of its host's memory that such a guest takes: its own, and what Xen needs beside it. For PVH that
/// is the paging pool; for both, an estimate for the domain and its vCPUs.
#[must_use]
pub fn footprint(
    guest_type: GuestType,
    memory: MemSize,
    max_memory: MemSize,
    max_vcpus: u16,
) -> u64 {
    let paging_kib = match guest_type {
        GuestType::Pvh => PAGING_POOL_KIB + max_memory.pages() * 16 / 1024,
        GuestType::Pv => 0,
    };
    (memory.kib() + paging_kib + DOMAIN_KIB + VCPU_KIB * u64::from(max_vcpus)) << 10
}

impl GuestConfig {
    /// Bytes of its host's memory that a guest like this takes, as one of `guest_type`, which may be left to
    /// its image: [`footprint`].
    #[must_use]
    pub fn footprint(&self, guest_type: GuestType) -> u64 {
        footprint(guest_type, self.memory(), self.max_memory(), self.max_vcpus())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pvh_guest_takes_its_page_tables_too() {
        let (memory, more) = (MemSize::from_mib(4).unwrap(), MemSize::from_mib(8).unwrap());
        assert_eq!(footprint(GuestType::Pv, memory, memory, 1), (4096 + 128 + 32) << 10);
        assert_eq!(footprint(GuestType::Pvh, memory, memory, 2), (4096 + 1024 + 16 + 192) << 10);
        assert_eq!(footprint(GuestType::Pvh, memory, more, 1), (4096 + 1024 + 32 + 160) << 10);
    }
}
