//! Note segments and `__xen_guest` sections.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightvm::image::XenNotes;

fuzz_target!(|part: &[u8]| {
    let _ = XenNotes::from_elf_notes(part);
    let _ = XenNotes::from_guest_section(part);
});
