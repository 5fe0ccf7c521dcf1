//! When a kernel boots as PVH.

use lightvm::image::{BootMode, ImageError, Relocation};

use crate::elf_writer::ElfWriter;
use crate::invariants::parse_checked;

#[test]
fn entry_and_range() {
    let kernel = parse_checked(&ElfWriter::pvh().build()).unwrap();
    let pvh = kernel.pvh().unwrap();
    assert_eq!((pvh.entry, pvh.start, pvh.end), (0x10_0000, 0x10_0000, 0x10_2000));
    assert_eq!(pvh.relocation, None);
    assert_eq!(kernel.preferred_mode().unwrap(), BootMode::Pvh);
    assert!(!kernel.boot_modes().pv);
}

#[test]
fn no_notes_and_no_entry_are_told_apart() {
    let bare = parse_checked(&ElfWriter::bare().build()).unwrap();
    assert!(matches!(bare.pvh(), Err(ImageError::NotXen)));
    assert!(matches!(bare.preferred_mode(), Err(ImageError::NotXen)));
    let neither = parse_checked(&ElfWriter::bare().with_note(6, b"linux\0").build()).unwrap();
    assert!(matches!(neither.preferred_mode(), Err(ImageError::NotBootable { .. })));
    let pv = parse_checked(&ElfWriter::pv().build()).unwrap();
    assert!(matches!(pv.pvh(), Err(ImageError::NoPvhEntry)));
    assert_eq!(pv.preferred_mode().unwrap(), BootMode::Pv);
}

#[test]
fn the_entry_must_be_inside_the_kernel() {
    for entry in [0, 0xf_ffff, 0x10_2000, 0x1_0010_0000, u64::MAX] {
        let elf = ElfWriter::bare().with_note(18, &entry.to_le_bytes());
        let error = parse_checked(&elf.build()).unwrap().pvh().unwrap_err();
        assert!(
            matches!(error, ImageError::OutOfRange { address, .. } if address == entry),
            "{error}"
        );
    }
}

#[test]
fn the_kernel_must_end_below_four_gib() {
    let mut elf = ElfWriter::pvh();
    elf.loads[0].memsz = (4 << 30) - 0x10_0000;
    assert!(parse_checked(&elf.build()).unwrap().pvh().is_ok());
    elf.loads[0].memsz += 1;
    let error = parse_checked(&elf.build()).unwrap().pvh().unwrap_err();
    assert!(matches!(error, ImageError::OutOfRange { address: 0x1_0000_0001, .. }), "{error}");
}

fn relocation(desc: &[u8], memory_align: u64) -> Result<Option<Relocation>, ImageError> {
    let mut file = ElfWriter::pvh().with_note(19, desc).build();
    let align = 64 + 48;
    file[align..align + 8].copy_from_slice(&memory_align.to_le_bytes());
    parse_checked(&file).unwrap().pvh().map(|pvh| pvh.relocation)
}

#[test]
fn relocation_limits_have_the_defaults_of_the_header() {
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
    let limits = |align, min, max| Some(Relocation { align, min, max });
    let all = words(&[0x40_0000, 0x100_0000, 0x3fff_ffff]);
    assert_eq!(relocation(&all, 0x1000).unwrap(), limits(0x40_0000, 0x100_0000, 0x3fff_ffff));
    assert_eq!(relocation(&[], 0x8000).unwrap(), limits(0x8000, 0, 0xffff_ffff));
    assert_eq!(relocation(&[], 8).unwrap(), limits(0x20_0000, 0, 0xffff_ffff));
    for align in [0, 3] {
        assert!(matches!(relocation(&words(&[align]), 8), Err(ImageError::BadNote { .. })));
    }
}
