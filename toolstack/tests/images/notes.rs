//! ELF notes and the `__xen_guest` section.

use lightvm::image::{Feature, ImageError, NotesOrigin, XenNotes};

use crate::elf_writer::{ElfWriter, SHT_NOTE, SHT_PROGBITS, note};
use crate::invariants::parse_checked;

fn one(kind: u32, desc: &[u8]) -> Result<XenNotes, ImageError> {
    XenNotes::from_elf_notes(&note("Xen", kind, desc))
}

#[test]
fn every_note_lands_in_its_field() {
    let value = 0x1122_3344_5566_7788_u64;
    let word = value.to_le_bytes();
    assert_eq!(one(1, &word).unwrap().entry, Some(value));
    assert_eq!(one(2, &word).unwrap().hypercall_page, Some(value));
    assert_eq!(one(3, &word).unwrap().virt_base, Some(value));
    assert_eq!(one(4, &word).unwrap().paddr_offset, Some(value));
    assert_eq!(one(5, b"xen-3.0\0").unwrap().xen_version.as_deref(), Some("xen-3.0"));
    assert_eq!(one(6, b"linux\0").unwrap().guest_os.as_deref(), Some("linux"));
    assert_eq!(one(7, b"2.6\0").unwrap().guest_version.as_deref(), Some("2.6"));
    assert_eq!(one(8, b"generic").unwrap().loader.as_deref(), Some("generic"));
    assert!(one(11, b"yes\0").unwrap().bsd_symtab);
    assert!(!one(11, b"no\0").unwrap().bsd_symtab);
    assert_eq!(one(12, &word).unwrap().hv_start_low, Some(value));
    assert!(one(14, &[1, 0, 0, 0]).unwrap().suspend_cancel);
    assert_eq!(one(15, &word).unwrap().init_p2m, Some(value));
    assert!(one(16, &[1]).unwrap().mod_start_pfn);
    assert!(!one(16, &[0; 8]).unwrap().mod_start_pfn);
    assert_eq!(one(17, &[1, 0x88, 0, 0]).unwrap().features.supported, 0x8801);
    assert_eq!(one(18, &word[..4]).unwrap().phys32_entry, Some(0x5566_7788));
    let relocation = one(19, &[0, 0, 0x20, 0, 0, 0, 0, 1]).unwrap().phys32_reloc.unwrap();
    assert_eq!((relocation.align, relocation.min), (Some(0x20_0000), 0x100_0000));
    assert_eq!(relocation.max, u32::MAX);
    assert_eq!(one(19, &[]).unwrap().phys32_reloc.unwrap().align, None);
}

#[test]
fn the_noxs_note_has_an_owner_of_its_own() {
    let mut bytes = note("Xen", 18, &[0, 0, 16, 0]);
    bytes.extend(note("noxs", 1, &[1, 0, 0, 0]));
    bytes.extend(note("noxs", 2, &[9, 0, 0, 0]));
    let notes = XenNotes::from_elf_notes(&bytes).unwrap();
    assert_eq!((notes.noxs, notes.phys32_entry), (Some(1), Some(0x10_0000)));
    assert_eq!(XenNotes::from_elf_notes(&note("noxs", 1, &[])).unwrap().noxs, None);
    assert!(XenNotes::from_elf_notes(&note("noxs", 1, &[1, 0, 0])).is_err());
}

#[test]
fn numbers_come_in_four_sizes() {
    for size in 0..20 {
        let parsed = one(1, &vec![1; size]);
        assert_eq!(parsed.is_ok(), [1, 2, 4, 8].contains(&size), "{size} bytes: {parsed:?}");
    }
    assert_eq!(one(1, &[0xff, 0xff]).unwrap().entry, Some(0xffff));
}

#[test]
fn other_owners_and_unknown_types_are_passed_over() {
    let mut bytes = note("GNU", 3, &[7; 20]);
    assert_eq!(XenNotes::from_elf_notes(&bytes).unwrap(), XenNotes::default());
    bytes.extend(note("Xen", 4711, b"?"));
    bytes.extend(note("Xenomorph", 1, &[1]));
    let notes = XenNotes::from_elf_notes(&bytes).unwrap();
    assert_eq!(notes, XenNotes { origin: NotesOrigin::ElfNotes, ..XenNotes::default() });
}

#[test]
fn cut_notes_are_refused() {
    let bytes = note("Xen", 8, b"generic\0");
    for length in 1..bytes.len() {
        let error = XenNotes::from_elf_notes(&bytes[..length]).unwrap_err();
        assert!(matches!(error, ImageError::Truncated { what: "ELF note", .. }), "{error}");
    }
    for field in [0, 4] {
        for size in [u32::MAX, u32::MAX - 2, u32::MAX / 2, 1000] {
            let mut lying = bytes.clone();
            lying[field..field + 4].copy_from_slice(&size.to_le_bytes());
            assert!(XenNotes::from_elf_notes(&lying).is_err(), "{size:#x} at {field}");
        }
    }
}

#[test]
fn long_strings_and_floods_of_notes_are_refused() {
    assert!(one(8, &[b'x'; 4096]).is_ok());
    assert!(matches!(one(8, &[b'x'; 4097]), Err(ImageError::BadNote { .. })));
    let flood = note("", 0, &[]).repeat(65537);
    let error = XenNotes::from_elf_notes(&flood).unwrap_err();
    assert!(matches!(error, ImageError::TooLarge { limit: 65536, .. }), "{error}");
}

#[test]
fn features_are_supported_or_required() {
    let features = one(10, b"!writable_page_tables|pae_pgdir_above_4gb|future").unwrap().features;
    assert!(features.requires(Feature::WritablePageTables));
    assert!(features.supports(Feature::WritablePageTables));
    assert!(features.supports(Feature::PaePgdirAbove4gb));
    assert!(!features.requires(Feature::PaePgdirAbove4gb));
    assert_eq!(features.supported, 0b1_0001);
    assert!(matches!(one(10, b"!future"), Err(ImageError::BadNote { .. })));
}

#[test]
fn note_sections_are_read_only_without_note_segments() {
    let mut section = note("Xen", 18, &0x10_0008_u32.to_le_bytes());
    section.extend(note("Xen", 6, b"from section\0"));
    let elf = ElfWriter::bare().with_section(".note.Xen", SHT_NOTE, &section);
    let kernel = parse_checked(&elf.build()).unwrap();
    assert_eq!(kernel.pvh().unwrap().entry, 0x10_0008);
    let both = ElfWriter::pvh().with_section(".note.Xen", SHT_NOTE, &section);
    let kernel = parse_checked(&both.build()).unwrap();
    assert_eq!(kernel.pvh().unwrap().entry, 0x10_0000);
    assert_eq!(kernel.notes().guest_os, None);
}

#[test]
fn the_guest_section_is_the_last_resort() {
    const TEXT: &[u8] = b"LOADER=generic,XEN_VER=xen-3.0\0";
    let elf = ElfWriter::bare().with_section("__xen_guest", SHT_PROGBITS, TEXT);
    let kernel = parse_checked(&elf.build()).unwrap();
    assert_eq!(kernel.notes().origin, NotesOrigin::GuestSection);
    let both = ElfWriter::pvh().with_section("__xen_guest", SHT_PROGBITS, TEXT);
    assert_eq!(parse_checked(&both.build()).unwrap().notes().origin, NotesOrigin::ElfNotes);
    let other = ElfWriter::bare().with_section("__xen_guests", SHT_PROGBITS, TEXT);
    assert_eq!(parse_checked(&other.build()).unwrap().notes().origin, NotesOrigin::Nowhere);
}

fn section(text: &str) -> Result<XenNotes, ImageError> {
    XenNotes::from_guest_section(text.as_bytes())
}

#[test]
fn guest_section_keys() {
    let notes = section(
        "GUEST_OS=linux,GUEST_VER=2.6,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,\
         VIRT_ENTRY=0xffffffff80200000,ELF_PADDR_OFFSET=0x1000,HYPERCALL_PAGE=0x202,\
         FEATURES=writable_page_tables|!auto_translated_physmap,LOADER=generic,\
         PAE=yes[extended-cr3],BSD_SYMTAB=yes,SOMETHING=else,FLAG\0VIRT_BASE=1",
    )
    .unwrap();
    assert_eq!(notes.guest_os.as_deref(), Some("linux"));
    assert_eq!(notes.guest_version.as_deref(), Some("2.6"));
    assert_eq!(notes.xen_version.as_deref(), Some("xen-3.0"));
    assert_eq!(notes.loader.as_deref(), Some("generic"));
    assert_eq!(notes.virt_base, Some(0xffff_ffff_8000_0000));
    assert_eq!(notes.entry, Some(0xffff_ffff_8020_0000));
    assert_eq!(notes.paddr_offset, Some(0x1000));
    assert_eq!(notes.hypercall_page, Some(0xffff_ffff_8020_2000), "page number above the base");
    assert!(notes.features.requires(Feature::AutoTranslatedPhysmap));
    assert!(notes.bsd_symtab);
}

#[test]
fn guest_section_numbers_are_written_as_in_c() {
    let base = |text: &str| section(&format!("VIRT_BASE={text}")).map(|n| n.virt_base.unwrap());
    assert_eq!(base("0x1F").unwrap(), 31);
    assert_eq!(base("017").unwrap(), 15);
    assert_eq!(base("17").unwrap(), 17);
    assert_eq!(base("0").unwrap(), 0);
    for wrong in ["", "0x", "08", "-1", "1 ", "0x10000000000000000", "page"] {
        assert!(matches!(base(wrong), Err(ImageError::BadNote { .. })), "{wrong:?}");
    }
    assert_eq!(section("HYPERCALL_PAGE=3").unwrap().hypercall_page, Some(0x3000));
    assert!(section("HYPERCALL_PAGE=0x10000000000000").is_err());
    assert!(section("HYPERCALL_PAGE=0xfffffffffffff,VIRT_BASE=0x2000").is_ok(), "wraps, as in Xen");
}

#[test]
fn guest_section_has_limits() {
    let entry = |key: usize, value: usize| format!("{}={}", "K".repeat(key), "v".repeat(value));
    assert!(section(&entry(31, 127)).is_ok());
    assert!(matches!(section(&entry(32, 1)), Err(ImageError::BadNote { .. })));
    assert!(matches!(section(&entry(1, 128)), Err(ImageError::BadNote { .. })));
    assert!(section(&",".repeat(4096)).is_ok());
    assert!(matches!(section(&",".repeat(4097)), Err(ImageError::TooLarge { .. })));
    assert_eq!(section("").unwrap().origin, NotesOrigin::GuestSection);
    assert!(XenNotes::from_guest_section(&[0xff, b'=', 0x80]).is_ok());
}
