//! Every payload compression, with files that the usual tools made
//! (`tests/fixtures/images/make`), and with files nobody would make.

use lightvm::image::{Compression, ImageError, Kernel, decompress};

use crate::bzimage_file::wrap;
use crate::invariants::{check, parse_checked};

const ELF: &[u8] = include_bytes!("../fixtures/images/kernel.elf");

const PAYLOADS: [(Compression, &[u8]); 7] = [
    (Compression::Gzip, include_bytes!("../fixtures/images/kernel.gz")),
    (Compression::Bzip2, include_bytes!("../fixtures/images/kernel.bz2")),
    (Compression::Lzma, include_bytes!("../fixtures/images/kernel.lzma")),
    (Compression::Xz, include_bytes!("../fixtures/images/kernel.xz")),
    (Compression::Lzo, include_bytes!("../fixtures/images/kernel.lzo")),
    (Compression::Lz4, include_bytes!("../fixtures/images/kernel.lz4")),
    (Compression::Zstd, include_bytes!("../fixtures/images/kernel.zst")),
];

#[test]
fn every_compression_gives_the_same_kernel() {
    let plain = parse_checked(ELF).unwrap();
    assert!(plain.boot_modes().pv && plain.boot_modes().pvh);
    for (compression, payload) in PAYLOADS {
        assert_eq!(Compression::of(payload), Some(compression));
        assert!(decompress(payload).unwrap() == ELF, "{compression}");
        let kernel = parse_checked(&wrap(payload)).unwrap();
        assert_eq!(kernel.pvh().unwrap(), plain.pvh().unwrap());
        for (mine, other) in kernel.segments().iter().zip(plain.segments()) {
            assert_eq!((mine.paddr, mine.memsz), (other.paddr, other.memsz));
            assert!(mine.data() == other.data(), "{compression}");
        }
    }
}

#[test]
fn a_bare_gzip_file_is_a_kernel_and_other_compressions_are_not() {
    for (compression, payload) in PAYLOADS {
        let is_kernel = Kernel::parse(payload).is_ok();
        assert_eq!(is_kernel, compression == Compression::Gzip, "{compression}");
    }
}

#[test]
fn the_appended_size_may_lie_or_be_absent() {
    for (compression, payload) in PAYLOADS {
        if compression == Compression::Gzip {
            continue;
        }
        let (stream, _) = payload.split_at(payload.len() - 4);
        assert!(decompress(stream).unwrap() == ELF, "{compression} without size");
        for size in [0, 1, u32::MAX] {
            let lying = [stream, &size.to_le_bytes()].concat();
            assert!(decompress(&lying).unwrap() == ELF, "{compression} with size {size:#x}");
        }
    }
}

#[test]
fn a_payload_cut_anywhere_is_refused() {
    for (compression, payload) in PAYLOADS {
        let stream = if compression == Compression::Gzip { 0 } else { 4 };
        for length in 0..payload.len() - stream {
            match decompress(&payload[..length]) {
                Err(_) => {}
                // No checksum, no end mark: what is lost can only show in the ELF. Or the format
                // has an end mark that decoders do not need to see to have everything.
                Ok(elf) => assert!(
                    compression == Compression::Lz4 || elf == ELF,
                    "{compression} cut to {length} bytes gives {} bytes",
                    elf.len()
                ),
            }
        }
    }
}

#[test]
fn damaged_bytes_never_break_a_promise() {
    for (_, payload) in PAYLOADS {
        for at in 0..payload.len() {
            for damage in [0x01, 0x80, 0xff] {
                let mut damaged = payload.to_vec();
                damaged[at] ^= damage;
                if let Ok(kernel) = Kernel::parse(&wrap(&damaged)) {
                    check(&kernel);
                }
            }
        }
    }
}

#[test]
fn checksums_are_verified_where_the_format_has_them() {
    // The four bytes before the appended size (zstd), before the size (gzip), and in the middle.
    let zstd = PAYLOADS[6].1;
    let mut damaged = zstd.to_vec();
    let at = zstd.len() - 5;
    damaged[at] ^= 1;
    let error = decompress(&damaged).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    let mut gzip = PAYLOADS[0].1.to_vec();
    let at = gzip.len() - 5;
    gzip[at] ^= 1;
    assert!(matches!(decompress(&gzip), Err(ImageError::Decompress { .. })));
}

#[test]
fn what_is_not_an_elf_inside_is_refused_at_once() {
    // 64 zero bytes, then blocks that would never be reached.
    let mut lz4 = lz4_literals(&[0; 64]);
    lz4.extend(u32::MAX.to_le_bytes());
    lz4.extend([0; 8]);
    let error = decompress(&lz4).unwrap_err();
    assert!(matches!(error, ImageError::PayloadNotElf { .. }), "{error}");
}

/// A legacy LZ4 frame with one block of literals.
fn lz4_literals(literals: &[u8]) -> Vec<u8> {
    let mut frame = 0x184c_2102_u32.to_le_bytes().to_vec();
    frame.extend(lz4_block(literals));
    frame
}

fn lz4_block(literals: &[u8]) -> Vec<u8> {
    assert!(literals.len() >= 15);
    let extra = literals.len() - 15;
    let mut block = vec![0xf0];
    block.extend(std::iter::repeat_n(255, extra / 255));
    block.push(u8::try_from(extra % 255).unwrap());
    block.extend_from_slice(literals);
    let mut sized = u32::try_from(block.len()).unwrap().to_le_bytes().to_vec();
    sized.extend(block);
    sized
}

#[test]
fn lz4_frames_and_blocks_are_joined() {
    let (first, rest) = ELF.split_at(700);
    let (second, third) = rest.split_at(100);
    let mut payload = lz4_literals(first);
    payload.extend(lz4_block(second));
    payload.extend(lz4_literals(third));
    assert!(decompress(&payload).unwrap() == ELF);
    for size in [0, 9 << 20, u32::MAX] {
        let mut lying = lz4_literals(first);
        lying.extend(size.to_le_bytes());
        lying.extend([0; 16]);
        assert!(matches!(decompress(&lying), Err(ImageError::Decompress { .. })), "{size:#x}");
    }
}

/// Sizes and checksum flags of an lzop file of stored blocks.
fn lzop_stored(version: u16, flags: u32, blocks: &[&[u8]]) -> Vec<u8> {
    let mut file = b"\x89LZO\0\r\n\x1a\n".to_vec();
    file.extend(version.to_be_bytes());
    let newer = version >= 0x0940;
    file.extend(if newer { &[0x10, 0x40, 0x09, 0x40, 3, 9][..] } else { &[0x10, 0x40, 3] });
    file.extend(flags.to_be_bytes());
    file.extend(vec![0; if flags & 0x800 != 0 { 4 } else { 0 }]);
    file.extend(vec![0; if newer { 12 } else { 8 }]);
    file.extend(b"\x06vmlinux");
    file.truncate(file.len() - 1);
    file.extend([0; 4]);
    for block in blocks {
        let size = u32::try_from(block.len()).unwrap().to_be_bytes();
        file.extend([size, size].concat());
        let plain_checksums = (flags & 0x101).count_ones() as usize;
        file.extend(vec![0xee; 4 * plain_checksums]);
        file.extend_from_slice(block);
    }
    file.extend([0; 4]);
    file
}

#[test]
fn lzop_headers_of_every_shape_are_read() {
    let (first, second) = ELF.split_at(1000);
    for version in [0x0900, 0x0940, 0x1040] {
        for flags in [0, 1, 3, 0x100, 0x303, 0x800, 0x0300_0b03] {
            let file = lzop_stored(version, flags, &[first, second]);
            assert!(decompress(&file).unwrap() == ELF, "version {version:#x}, flags {flags:#x}");
        }
    }
}

#[test]
fn lzop_block_sizes_are_bounded() {
    let good = lzop_stored(0x1040, 0, &[ELF]);
    let at = good.len() - 4 - ELF.len() - 8;
    let (max, over) = (256 << 10, (256 << 10) + 1);
    for (size, compressed) in
        [(u32::MAX, 1), (over, over), (max, over), (max, 0), (max, 8), (100, 200), (1, u32::MAX)]
    {
        let mut lying = good.clone();
        lying[at..at + 4].copy_from_slice(&u32::to_be_bytes(size));
        lying[at + 4..at + 8].copy_from_slice(&u32::to_be_bytes(compressed));
        let error = decompress(&lying).unwrap_err();
        assert!(
            matches!(error, ImageError::Decompress { .. }),
            "{size:#x} {compressed:#x}: {error}"
        );
    }
}

#[test]
fn dictionaries_and_windows_are_bounded() {
    let mut lzma = PAYLOADS[2].1.to_vec();
    lzma[1..5].copy_from_slice(&0xffff_ff00_u32.to_le_bytes());
    assert!(matches!(decompress(&lzma), Err(ImageError::Decompress { .. })));
    let mut zstd = PAYLOADS[6].1.to_vec();
    assert_eq!(zstd[4] & 0x20, 0, "not a single segment, so a window descriptor follows");
    zstd[5] = 0x90;
    assert!(matches!(decompress(&zstd), Err(ImageError::Decompress { .. })));
}
