//! What holds for every kernel that parses, whatever was in the file.

use std::ops::Range;

use lightvm::image::{ImageError, Kernel};

/// Parses, and if that succeeds checks every promise of the interface.
pub(crate) fn parse_checked(bytes: &[u8]) -> Result<Kernel, ImageError> {
    let kernel = Kernel::parse(bytes)?;
    check(&kernel);
    Ok(kernel)
}

pub(crate) fn check(kernel: &Kernel) {
    let segments = kernel.segments();
    assert!(!segments.is_empty());
    for segment in segments {
        assert!(segment.memsz > 0);
        assert!(segment.data().len() as u64 <= segment.memsz);
        assert!(segment.end() > segment.paddr);
    }
    for pair in segments.windows(2) {
        assert!(pair[0].end() <= pair[1].paddr, "{pair:?}");
    }
    let Range { start, end } = kernel.physical_range();
    if let Ok(pvh) = kernel.pvh() {
        assert_eq!((pvh.start, pvh.end), (start, end));
        assert!(u64::from(pvh.entry) >= start && u64::from(pvh.entry) < end && end <= 1 << 32);
        assert!(pvh.relocation.is_none_or(|limits| limits.align.is_power_of_two()));
    }
    if let Ok(pv) = kernel.pv() {
        assert!(pv.virt_base <= pv.virt_kstart && pv.virt_kstart < pv.virt_kend);
        assert!((pv.virt_kstart..pv.virt_kend).contains(&pv.virt_entry));
        for segment in segments {
            let guest = pv.pseudo_physical(segment.paddr);
            let in_memory = guest.checked_add(segment.memsz).unwrap();
            assert!(in_memory <= pv.virt_kend - pv.virt_base);
        }
        assert!(pv.hypercall_page.is_none_or(
            |page| page.is_multiple_of(4096) && (pv.virt_kstart..pv.virt_kend).contains(&page)
        ));
    }
    assert_eq!(kernel.preferred_mode().is_ok(), kernel.boot_modes().pvh || kernel.boot_modes().pv);
}
