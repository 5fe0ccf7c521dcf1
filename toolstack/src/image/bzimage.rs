//! The Linux x86 setup header: where a bzImage keeps its compressed kernel.
//!
//! Offsets and meaning from Linux `Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel Header"
//! and "Details of header fields".

use super::ImageError;

/// `setup_sects`: size of the setup code in sectors, one byte.
const SETUP_SECTS: usize = 0x1f1;
/// `header`: the magic number "HdrS".
const HEADER: usize = 0x202;
/// `version`: boot protocol, two bytes, major in the high one.
const VERSION: usize = 0x206;
/// `payload_offset`: from the start of the protected-mode code, four bytes.
const PAYLOAD_OFFSET: usize = 0x248;
/// `payload_length`: four bytes.
const PAYLOAD_LENGTH: usize = 0x24c;
/// First byte behind the fields read here.
const HEADER_END: u64 = 0x250;

const MAGIC: &[u8] = b"HdrS";
/// The first protocol with `payload_offset` and `payload_length`.
const MIN_VERSION: u16 = 0x0208;
const SECTOR: u64 = 512;
/// What `setup_sects` 0 stands for, "for backwards compatibility".
const DEFAULT_SETUP_SECTS: u64 = 4;

/// Whether the file says it is a bzImage.
pub(super) fn is_bzimage(file: &[u8]) -> bool {
    file.get(HEADER..HEADER + MAGIC.len()) == Some(MAGIC)
}

/// The compressed kernel inside a file for which [`is_bzimage`] holds.
pub(super) fn payload(file: &[u8]) -> Result<&[u8], ImageError> {
    let end = file.len() as u64;
    let truncated = |what, offset, needed| ImageError::Truncated { what, offset, needed, end };
    let header = || truncated("bzImage setup header", HEADER as u64, HEADER_END - HEADER as u64);

    let version = u16::from_le_bytes(field(file, VERSION).ok_or_else(header)?);
    if version < MIN_VERSION {
        return Err(ImageError::BadField {
            what: "bzImage boot protocol version",
            offset: VERSION as u64,
            value: version.into(),
            expected: "0x208 (Linux 2.6.24) or later",
        });
    }
    let [setup_sects] = field(file, SETUP_SECTS).ok_or_else(header)?;
    let offset = u32::from_le_bytes(field(file, PAYLOAD_OFFSET).ok_or_else(header)?);
    let length = u32::from_le_bytes(field(file, PAYLOAD_LENGTH).ok_or_else(header)?);

    let setup_sects = if setup_sects == 0 { DEFAULT_SETUP_SECTS } else { setup_sects.into() };
    let start = (setup_sects + 1) * SECTOR + u64::from(offset);
    if length == 0 {
        return Err(ImageError::Empty { what: "bzImage payload" });
    }
    let range = usize::try_from(start).ok().zip(usize::try_from(start + u64::from(length)).ok());
    range
        .and_then(|(from, to)| file.get(from..to))
        .ok_or_else(|| truncated("bzImage payload", start, length.into()))
}

fn field<const N: usize>(file: &[u8], offset: usize) -> Option<[u8; N]> {
    file.get(offset..)?.first_chunk().copied()
}
