//! The setup header of a bzImage.

use lightvm::image::{ImageError, Kernel};

use crate::elf_writer::ElfWriter;
use crate::invariants::parse_checked;

/// Fields by their offsets in Linux `Documentation/arch/x86/boot.rst`.
const SETUP_SECTS: usize = 0x1f1;
const VERSION: usize = 0x206;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// A bzImage with two sectors of setup code and a few bytes of decompressor around the payload.
pub(crate) fn wrap(payload: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 3 * 512];
    file[SETUP_SECTS] = 2;
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file[VERSION..VERSION + 2].copy_from_slice(&0x20f_u16.to_le_bytes());
    put(&mut file, PAYLOAD_OFFSET, 32);
    put(&mut file, PAYLOAD_LENGTH, u32::try_from(payload.len()).unwrap());
    file.extend([0x90; 32]);
    file.extend(payload);
    file
}

fn put(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn an_uncompressed_payload_boots() {
    let mut file = wrap(&ElfWriter::pvh().build());
    file.extend([0xcc; 100]);
    assert!(parse_checked(&file).unwrap().boot_modes().pvh);
}

#[test]
fn zero_setup_sectors_mean_four() {
    let mut file = wrap(&ElfWriter::pvh().build());
    file.splice(3 * 512..3 * 512, [0; 2 * 512]);
    assert!(Kernel::parse(&file).is_err());
    file[SETUP_SECTS] = 0;
    assert!(parse_checked(&file).is_ok());
}

#[test]
fn old_protocols_are_refused() {
    let mut file = wrap(&ElfWriter::pvh().build());
    for (version, good) in [(0x207_u16, false), (0x208, true), (0, false), (0xffff, true)] {
        file[VERSION..VERSION + 2].copy_from_slice(&version.to_le_bytes());
        let parsed = Kernel::parse(&file);
        assert_eq!(parsed.is_ok(), good, "version {version:#x}");
        assert!(good || matches!(parsed, Err(ImageError::BadField { offset: 0x206, .. })));
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = wrap(&ElfWriter::pvh().build());
    parse_checked(&whole).unwrap();
    for length in 0..whole.len() {
        assert!(Kernel::parse(&whole[..length]).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn payload_fields_pushed_to_extremes() {
    let good = wrap(&ElfWriter::pvh().build());
    let size = u32::try_from(good.len()).unwrap();
    let extremes = [0, 1, 31, 33, 512, size - 1, size, size + 1, 1 << 31, u32::MAX - 1, u32::MAX];
    for at in [PAYLOAD_OFFSET, PAYLOAD_LENGTH] {
        for value in extremes {
            let mut file = good.clone();
            put(&mut file, at, value);
            let parsed = parse_checked(&file);
            assert!(parsed.is_err(), "{value:#x} at {at:#x}");
            let beyond = value >= size;
            let truncated = matches!(parsed, Err(ImageError::Truncated { .. }));
            assert!(truncated || !beyond, "{value:#x} at {at:#x}: {parsed:?}");
        }
    }
    for sectors in 0..=255 {
        let mut file = good.clone();
        file[SETUP_SECTS] = sectors;
        assert_eq!(parse_checked(&file).is_ok(), sectors == 2, "{sectors} setup sectors");
    }
}

#[test]
fn unknown_compression_shows_how_it_starts() {
    let error = Kernel::parse(&wrap(b"\0\0\0\0 not compressed")).unwrap_err();
    assert!(
        matches!(&error, ImageError::UnknownCompression { start } if start == b"\0\0\0\0 not"),
        "{error}"
    );
}
