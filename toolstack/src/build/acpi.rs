//! The ACPI tables of a PVH guest: just enough to find its vCPUs.
//!
//! A PVH guest has no firmware; `hvm_start_info.rsdp_paddr` points here. Layouts
//! are those of the ACPI specification 6.3, chapter 5; the hardware-reduced model
//! is what a machine without legacy devices has.

use crate::domain::Vcpus;

const OEM_ID: &[u8; 6] = b"LTVM  ";
const OEM_TABLE_ID: &[u8; 8] = b"lightvm ";
const HEADER: usize = 36;
const RSDP_LEN: usize = 36;
const FADT_LEN: usize = 276;
const LAPIC_BASE: u32 = 0xfee0_0000;

/// Most bytes [`tables`] makes for `vcpus` vCPUs.
pub(super) fn size(vcpus: u32) -> usize {
    layout(vcpus).end
}

struct Layout {
    xsdt: usize,
    fadt: usize,
    dsdt: usize,
    madt: usize,
    end: usize,
}

fn layout(vcpus: u32) -> Layout {
    let xsdt = RSDP_LEN.next_multiple_of(16);
    let fadt = (xsdt + HEADER + 2 * 8).next_multiple_of(16);
    let dsdt = (fadt + FADT_LEN).next_multiple_of(16);
    let madt = (dsdt + HEADER).next_multiple_of(16);
    let end = madt + HEADER + 8 + 8 * vcpus as usize;
    Layout { xsdt, fadt, dsdt, madt, end }
}

/// The tables as they stand in memory from guest-physical address `base` on; the
/// RSDP comes first.
pub(super) fn tables(base: u64, vcpus: Vcpus) -> Vec<u8> {
    let at = layout(vcpus.max);
    let mut out = vec![0; at.end];
    let address = |offset: usize| base + offset as u64;
    let mut place = |offset: usize, table: &[u8]| {
        out[offset..offset + table.len()].copy_from_slice(table);
    };
    place(0, &rsdp(address(at.xsdt)));
    place(at.xsdt, &xsdt(&[address(at.fadt), address(at.madt)]));
    place(at.fadt, &fadt(address(at.dsdt)));
    place(at.dsdt, &sdt(b"DSDT", 2, &[]));
    place(at.madt, &madt(vcpus));
    out
}

/// Makes the bytes of `table` add up to 0 by setting the one at `at`.
fn checksum(table: &mut [u8], at: usize) {
    table[at] = 0;
    table[at] = table.iter().fold(0u8, |sum, &b| sum.wrapping_add(b)).wrapping_neg();
}

fn rsdp(xsdt: u64) -> [u8; RSDP_LEN] {
    let mut t = [0; RSDP_LEN];
    t[..8].copy_from_slice(b"RSD PTR ");
    t[9..15].copy_from_slice(OEM_ID);
    t[15] = 2;
    t[20] = 36;
    t[24..32].copy_from_slice(&xsdt.to_le_bytes());
    checksum(&mut t[..20], 8);
    checksum(&mut t, 32);
    t
}

/// A table with the common header before `body`.
fn sdt(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut t = Vec::with_capacity(HEADER + body.len());
    t.extend_from_slice(signature);
    t.extend_from_slice(&len.to_le_bytes());
    t.extend_from_slice(&[revision, 0]);
    t.extend_from_slice(OEM_ID);
    t.extend_from_slice(OEM_TABLE_ID);
    t.extend_from_slice(&1u32.to_le_bytes());
    t.extend_from_slice(b"LTVM");
    t.extend_from_slice(&1u32.to_le_bytes());
    t.extend_from_slice(body);
    checksum(&mut t, 9);
    t
}

fn xsdt(tables: &[u64]) -> Vec<u8> {
    let body: Vec<u8> = tables.iter().flat_map(|t| t.to_le_bytes()).collect();
    sdt(b"XSDT", 1, &body)
}

fn fadt(dsdt: u64) -> Vec<u8> {
    const IAPC_BOOT_ARCH: usize = 109;
    const NO_VGA: u16 = 1 << 2;
    const NO_CMOS_RTC: u16 = 1 << 5;
    const FLAGS: usize = 112;
    const WBINVD: u32 = 1 << 0;
    const HW_REDUCED_ACPI: u32 = 1 << 20;
    const MINOR_VERSION: usize = 131;
    const X_DSDT: usize = 140;
    let mut body = vec![0; FADT_LEN - HEADER];
    let mut set = |offset: usize, bytes: &[u8]| {
        body[offset - HEADER..offset - HEADER + bytes.len()].copy_from_slice(bytes);
    };
    set(IAPC_BOOT_ARCH, &(NO_VGA | NO_CMOS_RTC).to_le_bytes());
    set(FLAGS, &(WBINVD | HW_REDUCED_ACPI).to_le_bytes());
    set(MINOR_VERSION, &[3]);
    set(X_DSDT, &dsdt.to_le_bytes());
    sdt(b"FACP", 6, &body)
}

/// One local APIC per vCPU; Xen numbers them in steps of two
/// (`xen/arch/x86/cpuid.c`, `guest_cpuid`, leaf 1).
fn madt(vcpus: Vcpus) -> Vec<u8> {
    const ENABLED: u32 = 1 << 0;
    const ONLINE_CAPABLE: u32 = 1 << 1;
    let mut body = Vec::new();
    body.extend_from_slice(&LAPIC_BASE.to_le_bytes());
    body.extend_from_slice(&0u32.to_le_bytes());
    for n in 0..vcpus.max {
        let (processor, apic) = (n.to_le_bytes()[0], (n * 2).to_le_bytes()[0]);
        body.extend_from_slice(&[0, 8, processor, apic]);
        let flags = if n < vcpus.online { ENABLED } else { ONLINE_CAPABLE };
        body.extend_from_slice(&flags.to_le_bytes());
    }
    sdt(b"APIC", 4, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums_to_zero(bytes: &[u8]) -> bool {
        bytes.iter().fold(0u8, |sum, &b| sum.wrapping_add(b)) == 0
    }

    fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    fn table(all: &[u8], base: u64, address: u64) -> &[u8] {
        let at = usize::try_from(address - base).unwrap();
        let len = u32::from_le_bytes(all[at + 4..at + 8].try_into().unwrap());
        &all[at..at + len as usize]
    }

    #[test]
    fn every_table_is_reached_and_sums_to_zero() {
        let base = 0x12_3000;
        let all = tables(base, Vcpus { online: 2, max: 3 });
        assert_eq!(all.len(), size(3));
        assert!(sums_to_zero(&all[..20]) && sums_to_zero(&all[..36]));
        let xsdt = table(&all, base, u64_at(&all, 24));
        assert!(sums_to_zero(xsdt));
        let fadt = table(&all, base, u64_at(xsdt, 36));
        assert!(fadt.starts_with(b"FACP") && sums_to_zero(fadt));
        let dsdt = table(&all, base, u64_at(fadt, 140));
        assert!(dsdt.starts_with(b"DSDT") && sums_to_zero(dsdt));
        let madt = table(&all, base, u64_at(xsdt, 44));
        assert!(madt.starts_with(b"APIC") && sums_to_zero(madt));
        assert_eq!(madt.len(), 44 + 3 * 8);
        assert_eq!(madt[44 + 8 + 2..][..6], [1, 2, 1, 0, 0, 0]);
        assert_eq!(madt[44 + 16 + 2..][..6], [2, 4, 2, 0, 0, 0]);
    }
}
