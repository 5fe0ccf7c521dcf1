//! When a kernel boots as PV, and where its parts go.

use lightvm::image::{ImageError, PvBoot};

use crate::elf_writer::{EM_386, ElfWriter, SHT_PROGBITS};
use crate::invariants::parse_checked;

const LINUX_BASE: u64 = 0xffff_ffff_8000_0000;

fn pv(elf: &ElfWriter) -> Result<PvBoot, ImageError> {
    parse_checked(&elf.build()).unwrap().pv()
}

fn with_numbers(numbers: &[(u32, u64)]) -> ElfWriter {
    numbers.iter().fold(ElfWriter::pv(), |elf, (kind, n)| elf.with_note(*kind, &n.to_le_bytes()))
}

#[test]
fn defaults_without_any_address() {
    let boot = pv(&ElfWriter::pv()).unwrap();
    assert_eq!((boot.virt_base, boot.paddr_offset), (0, 0));
    assert_eq!((boot.virt_kstart, boot.virt_kend), (0x10_0000, 0x10_2000));
    assert_eq!(boot.virt_entry, 0x10_0000, "that of the ELF header");
    assert_eq!((boot.hypercall_page, boot.p2m_base), (None, None));
    assert!(!boot.unmapped_initrd);
}

#[test]
fn addresses_of_a_linux_like_kernel() {
    let boot = pv(&with_numbers(&[
        (3, LINUX_BASE),
        (1, LINUX_BASE + 0x10_0040),
        (2, LINUX_BASE + 0x10_1000),
        (15, 0x80_0000_0000),
        (16, 1),
    ]))
    .unwrap();
    assert_eq!((boot.virt_base, boot.paddr_offset), (LINUX_BASE, 0));
    assert_eq!(boot.virt_kstart, LINUX_BASE + 0x10_0000);
    assert_eq!(boot.virt_entry, LINUX_BASE + 0x10_0040);
    assert_eq!(boot.hypercall_page, Some(LINUX_BASE + 0x10_1000));
    assert_eq!(boot.p2m_base, Some(0x80_0000_0000));
    assert!(boot.unmapped_initrd);
    assert_eq!(boot.pseudo_physical(0x10_0000), 0x10_0000);
}

#[test]
fn physical_addresses_that_are_virtual_ones() {
    let mut elf = with_numbers(&[(3, LINUX_BASE), (4, LINUX_BASE), (1, LINUX_BASE + 0x10_0000)]);
    elf.loads[0].paddr = LINUX_BASE + 0x10_0000;
    let boot = pv(&elf).unwrap();
    assert_eq!(boot.virt_kstart, LINUX_BASE + 0x10_0000);
    assert_eq!(boot.pseudo_physical(elf.loads[0].paddr), 0x10_0000);
}

#[test]
fn the_guest_section_defaults_to_virtual_addresses() {
    let text = b"LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,HYPERCALL_PAGE=0x101";
    let mut elf = ElfWriter::bare().with_section("__xen_guest", SHT_PROGBITS, text);
    elf.loads[0].paddr = LINUX_BASE + 0x10_0000;
    elf.entry = LINUX_BASE + 0x10_0000;
    let boot = pv(&elf).unwrap();
    assert_eq!(boot.paddr_offset, LINUX_BASE);
    assert_eq!(boot.virt_kstart, LINUX_BASE + 0x10_0000);
    assert_eq!(boot.hypercall_page, Some(LINUX_BASE + 0x10_1000));
}

#[test]
fn other_loaders_versions_and_words_are_refused() {
    let not_pv = |elf: &ElfWriter| match pv(elf).unwrap_err() {
        ImageError::NotPv { what, .. } => what,
        other => panic!("{other}"),
    };
    let strings = |loader: &[u8], version: &[u8]| {
        ElfWriter::bare().with_note(8, loader).with_note(5, version)
    };
    assert_eq!(not_pv(&strings(b"special\0", b"xen-3.0\0")), "note LOADER");
    assert_eq!(not_pv(&strings(b"generic\0", b"xen-2.0\0")), "note XEN_VERSION");
    assert_eq!(not_pv(&ElfWriter::pvh()), "note LOADER");
    let linux = ElfWriter::bare().with_note(6, b"linux\0").with_note(5, b"xen-3.0-x86_64\0");
    assert!(pv(&linux).is_ok(), "any loader will do for Linux");

    let mut small = ElfWriter::pv();
    small.bits64 = false;
    small.machine = EM_386;
    assert_eq!(not_pv(&small), "the ELF");
    assert_eq!(not_pv(&ElfWriter::pv().with_note(10, b"!dom0")), "required feature");
    let translated = ElfWriter::pv().with_note(10, b"!auto_translated_physmap");
    assert_eq!(not_pv(&translated), "required feature");
    assert!(pv(&ElfWriter::pv().with_note(10, b"dom0|!writable_page_tables")).is_ok());
}

#[test]
fn an_offset_needs_a_base() {
    let error = pv(&with_numbers(&[(4, 0)])).unwrap_err();
    assert!(
        matches!(&error, ImageError::BadNote { name, .. } if name == "PADDR_OFFSET"),
        "{error}"
    );
}

#[test]
fn addresses_out_of_place_are_refused() {
    let lies: &[(&str, &[(u32, u64)])] = &[
        ("entry below", &[(1, 0xf_ffff)]),
        ("entry behind", &[(1, 0x10_2000)]),
        ("entry far away", &[(1, u64::MAX)]),
        ("kernel below its base", &[(3, 0x20_0000), (4, 0x20_0000), (1, 0x10_0000)]),
        ("kernel wraps around", &[(3, 0xffff_ffff_ffef_f000), (1, 0xffff_ffff_ffff_f000)]),
        ("hypercall page behind", &[(2, 0x10_2000)]),
        ("hypercall page below", &[(2, 0)]),
        ("base in Xen's part", &[(3, 0xffff_8000_0000_0000), (1, 0xffff_8000_0010_0000)]),
        ("base not canonical", &[(3, 1 << 47), (1, (1 << 47) + 0x10_0000)]),
        ("frame list in Xen's part", &[(15, 0xffff_8700_0000_0000)]),
    ];
    for (what, numbers) in lies {
        let error = pv(&with_numbers(numbers)).unwrap_err();
        assert!(matches!(error, ImageError::OutOfRange { .. }), "{what}: {error}");
    }
    let unaligned_or_inside: &[(&str, &[(u32, u64)])] = &[
        ("VIRT_BASE", &[(3, LINUX_BASE + 8), (1, LINUX_BASE + 0x10_0008)]),
        ("HYPERCALL_PAGE", &[(2, 0x10_0010)]),
        ("INIT_P2M", &[(15, 0x10_1000)]),
        ("INIT_P2M", &[(15, 0x80_0000_0001)]),
    ];
    for (name, numbers) in unaligned_or_inside {
        let error = pv(&with_numbers(numbers)).unwrap_err();
        assert!(matches!(&error, ImageError::BadNote { name: n, .. } if n == name), "{error}");
    }
}
