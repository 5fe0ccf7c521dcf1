//! ELF headers with every field wrong in turn.

use lightvm::image::{ElfClass, ImageError, Kernel};

use crate::elf_writer::{EM_386, ElfWriter, Load};
use crate::invariants::parse_checked;

fn bits32(mut elf: ElfWriter) -> ElfWriter {
    elf.bits64 = false;
    elf.machine = EM_386;
    elf
}

#[test]
fn both_classes_parse() {
    for (elf, class) in
        [(ElfWriter::pvh(), ElfClass::Elf64), (bits32(ElfWriter::pvh()), ElfClass::Elf32)]
    {
        let kernel = parse_checked(&elf.build()).unwrap();
        assert_eq!(kernel.class(), class);
        assert_eq!(kernel.elf_entry(), 0x10_0000);
        let [segment] = kernel.segments() else { panic!("{:?}", kernel.segments()) };
        assert_eq!((segment.paddr, segment.vaddr, segment.memsz), (0x10_0000, 0x10_0000, 0x2000));
        assert_eq!(segment.data(), [0xf4; 16]);
        assert_eq!(kernel.pvh().unwrap().entry, 0x10_0000);
    }
}

#[test]
fn a_kernel_cut_anywhere_is_refused() {
    for elf in [ElfWriter::pvh(), bits32(ElfWriter::pvh()), ElfWriter::pv()] {
        let whole = elf.build();
        parse_checked(&whole).unwrap();
        for length in 0..whole.len() {
            // The last note's padding may be missing; nothing else may.
            assert!(Kernel::parse(&whole[..length]).is_err(), "cut to {length} bytes");
        }
    }
}

/// Values that break naive arithmetic, as far as they fit `size` bytes.
fn extremes(size: usize, file: u64) -> impl Iterator<Item = u64> {
    let max = u64::MAX >> (64 - 8 * size);
    let near_wrap = [max, max - 1, max & !0xfff, max / 2, max / 2 + 1];
    let near_file = [0, 1, 2, file - 1, file, file + 1, 0xfff, 0x1000, 0x10_0000];
    let near_wrap = near_wrap.into_iter().chain([max.wrapping_sub(file), max - 0x7f]);
    near_wrap.chain(near_file).filter(move |value| *value <= max)
}

/// Offset and size of every field of the file header and of one program header.
fn fields(elf: &ElfWriter) -> Vec<(usize, usize)> {
    let word = if elf.bits64 { 8 } else { 4 };
    let mut sizes: Vec<usize> = vec![1; 16];
    sizes.extend([2, 2, 4, word, word, word, 4, 2, 2, 2, 2, 2, 2]);
    let headers = (elf.program_header_size() / word).min(8);
    for _ in 0..=elf.loads.len() {
        sizes.extend(if elf.bits64 { vec![4, 4] } else { vec![] });
        sizes.extend(vec![word; if elf.bits64 { headers - 1 } else { headers }]);
    }
    let mut at = 0;
    sizes
        .iter()
        .map(|&size| {
            at += size;
            (at - size, size)
        })
        .collect()
}

#[test]
fn no_field_value_panics_or_breaks_a_promise() {
    let mut two = ElfWriter::pvh();
    two.loads.push(Load { paddr: 0x20_0000, vaddr: 0, memsz: 64, data: vec![1; 64] });
    let pv = ElfWriter::pv().with_section("__xen_guest", 1, b"LOADER=generic,XEN_VER=xen-3.0");
    for elf in [two.clone(), bits32(two), pv] {
        let good = elf.build();
        let fields = fields(&elf);
        assert_eq!(
            fields.last().map(|(at, size)| at + size).unwrap(),
            elf.header_size() + (elf.loads.len() + 1) * elf.program_header_size()
        );
        for (at, size) in fields {
            for value in extremes(size, good.len() as u64) {
                let mut file = good.clone();
                file[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
                let _ = parse_checked(&file);
            }
        }
    }
}

fn error_with(at: usize, bytes: &[u8]) -> ImageError {
    let mut file = ElfWriter::pvh().build();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Kernel::parse(&file).unwrap_err()
}

#[test]
fn wrong_header_fields_are_named() {
    let named = |at, bytes: &[u8]| match error_with(at, bytes) {
        ImageError::BadField { what, offset, .. } => (what, offset),
        other => panic!("{other}"),
    };
    assert_eq!(named(4, &[3]), ("ELF class", 4));
    assert_eq!(named(5, &[2]), ("ELF byte order", 5));
    assert_eq!(named(6, &[0]), ("ELF version", 6));
    assert_eq!(named(16, &1_u16.to_le_bytes()), ("ELF e_type", 16));
    assert_eq!(named(18, &183_u16.to_le_bytes()), ("ELF e_machine", 18));
    assert_eq!(named(54, &57_u16.to_le_bytes()), ("ELF e_phentsize", 54));
    assert_eq!(named(56, &0_u16.to_le_bytes()), ("ELF e_phnum", 56));
    assert_eq!(named(56, &257_u16.to_le_bytes()), ("ELF e_phnum", 56));
    let filesz_above_memsz = named(64 + 40, &8_u64.to_le_bytes());
    assert_eq!(filesz_above_memsz.0, "p_memsz of the ELF segment");
    let wraps = named(64 + 40, &u64::MAX.to_le_bytes());
    assert_eq!(wraps.0, "p_memsz of the ELF segment");
}

#[test]
fn segments_beyond_the_file_are_truncated() {
    for (at, value) in [(64 + 8, u64::MAX), (64 + 8, 0x7fff_ffff), (64 + 32, u64::MAX - 0x10)] {
        let error = error_with(at, &value.to_le_bytes());
        assert!(
            matches!(error, ImageError::Truncated { what: "loadable ELF segment", .. }),
            "{error}"
        );
    }
}

#[test]
fn overlapping_segments_are_refused_adjacent_ones_are_not() {
    let mut elf = ElfWriter::pvh();
    elf.loads.insert(0, Load { paddr: 0x10_2000, vaddr: 0, memsz: 1, data: vec![9] });
    let kernel = parse_checked(&elf.build()).unwrap();
    assert_eq!(kernel.segments()[1].data(), [9], "sorted by physical address");
    elf.loads[0].paddr = 0x10_1fff;
    let error = Kernel::parse(&elf.build()).unwrap_err();
    assert!(
        matches!(error, ImageError::SegmentsOverlap { end: 0x10_2000, start: 0x10_1fff }),
        "{error}"
    );
}

#[test]
fn a_file_range_loaded_too_often_is_refused() {
    const MIB: usize = 1 << 20;
    let mut elf = ElfWriter::pvh();
    elf.loads[0].data = vec![1; 4 * MIB];
    elf.loads[0].memsz = 4 * MIB as u64;
    let first = elf.loads[0].clone();
    for index in 1..200 {
        let paddr = first.paddr + index * first.memsz;
        elf.loads.push(Load { paddr, data: Vec::new(), ..first });
    }
    let mut file = elf.build();
    let header = |index: usize| 64 + index * 56;
    let (offset, size) = (header(0) + 8..header(0) + 16, header(0) + 32..header(0) + 40);
    for index in 1..200 {
        file.copy_within(offset.clone(), header(index) + 8);
        file.copy_within(size.clone(), header(index) + 32);
    }
    let error = Kernel::parse(&file).unwrap_err();
    assert!(matches!(error, ImageError::TooLarge { size, .. } if size == 800 << 20), "{error}");
}

#[test]
fn zero_pages_at_the_end_of_a_segment_are_left_to_the_loader() {
    let mut elf = ElfWriter::pvh();
    elf.loads[0].memsz = 0x8000;
    elf.loads[0].data = vec![0; 0x5000];
    elf.loads[0].data[0x1001] = 7;
    let kernel = parse_checked(&elf.build()).unwrap();
    let data = kernel.segments()[0].data();
    assert_eq!(data.len(), 0x2000);
    assert_eq!((data[0x1001], data[0x1fff]), (7, 0));
    elf.loads[0].data = vec![0; 0x5000];
    let kernel = parse_checked(&elf.build()).unwrap();
    assert!(kernel.segments()[0].data().is_empty());
    assert_eq!(kernel.physical_range(), 0x10_0000..0x10_8000);
}

#[test]
fn what_is_no_kernel_is_said_so() {
    let error = Kernel::parse(b"#!/bin/sh\n").unwrap_err();
    assert!(
        matches!(&error, ImageError::UnknownFormat { start } if start == b"#!/bin/s"),
        "{error}"
    );
    assert!(matches!(Kernel::parse(b""), Err(ImageError::Empty { .. })));
    let mut elf = ElfWriter::bare();
    elf.loads.clear();
    elf.notes = vec![0; 12];
    assert!(matches!(Kernel::parse(&elf.build()), Err(ImageError::Empty { .. })));
}
