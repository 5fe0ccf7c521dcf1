//! Random bytes, and good files with random damage.

use lightvm::image::{Kernel, XenNotes, decompress};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::bzimage_file::wrap;
use crate::elf_writer::{ElfWriter, SHT_NOTE, SHT_PROGBITS};
use crate::invariants::check;

fn good_files() -> Vec<Vec<u8>> {
    let section = b"LOADER=generic,XEN_VER=xen-3.0,HYPERCALL_PAGE=0x100";
    let pv = ElfWriter::pv()
        .with_note(2, &0x10_0000_u64.to_le_bytes())
        .with_note(3, &0_u64.to_le_bytes())
        .with_note(4, &0_u64.to_le_bytes())
        .with_note(15, &0x80_0000_0000_u64.to_le_bytes());
    let mut small = ElfWriter::pvh().with_note(19, &0x20_0000_u32.to_le_bytes());
    small.bits64 = false;
    vec![
        pv.build(),
        small.build(),
        ElfWriter::bare().with_section("__xen_guest", SHT_PROGBITS, section).build(),
        ElfWriter::bare().with_section(".note", SHT_NOTE, &pv.notes).build(),
        wrap(&pv.build()),
    ]
}

fn any_parse(file: &[u8]) {
    if let Ok(kernel) = Kernel::parse(file) {
        check(&kernel);
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..2048)) {
        any_parse(&bytes);
        any_parse(&wrap(&bytes));
        let _ = XenNotes::from_elf_notes(&bytes);
        let _ = XenNotes::from_guest_section(&bytes);
    }

    #[test]
    fn random_bytes_behind_each_magic(bytes in vec(any::<u8>(), 0..512)) {
        let magics: [&[u8]; 8] = [
            b"\x7fELF\x02\x01\x01",
            b"\x1f\x8b\x08",
            b"BZh9",
            b"\x5d\0\0\x10\0",
            b"\xfd7zXZ\0",
            b"\x89LZO\0\r\n\x1a\n",
            b"\x02\x21\x4c\x18",
            b"\x28\xb5\x2f\xfd",
        ];
        for magic in magics {
            let _ = decompress(&[magic, &bytes[..]].concat());
        }
    }

    #[test]
    fn random_damage(
        file in prop::sample::select(good_files()),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = file;
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        file.truncate(cut.map_or(file.len(), |cut| cut.index(file.len())));
        any_parse(&file);
    }

    #[test]
    fn random_words(
        file in prop::sample::select(good_files()),
        at in any::<prop::sample::Index>(),
        word in any::<u64>(),
        size in 1_usize..=8,
    ) {
        let mut file = file;
        let at = at.index(file.len() - 8);
        file[at..at + size].copy_from_slice(&word.to_le_bytes()[..size]);
        any_parse(&file);
    }

    #[test]
    fn random_guest_sections(
        entries in vec(("[A-Z_]{0,16}|VIRT_BASE|HYPERCALL_PAGE|FEATURES", "[!-~]{0,20}|0x[0-9a-f]{1,17}"), 0..8),
    ) {
        let text = entries.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
        let elf = ElfWriter::bare().with_section("__xen_guest", SHT_PROGBITS, text.as_bytes());
        any_parse(&elf.build());
    }
}
