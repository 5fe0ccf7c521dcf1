//! Decompressing kernels: every payload format Linux offers, each output bounded.
//!
//! All decoders are Rust: no C code sees an untrusted payload. Formats and their first bytes as in
//! Linux `lib/decompress.c`; what follows the stream, as its `scripts/Makefile.lib` appends it.

mod lz4;
mod lzo;
mod zstd;

use std::fmt;
use std::io::{self, Read};

use super::elf::ElfFile;
use super::{ImageError, MAX_KERNEL, MAX_WINDOW, file};

/// How a kernel is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: the payload is an ELF.
    None,
    /// gzip, RFC 1952
    Gzip,
    /// bzip2
    Bzip2,
    /// LZMA, the `.lzma` file format
    Lzma,
    /// XZ, with any of its branch filters
    Xz,
    /// LZO1X in the file format of `lzop`
    Lzo,
    /// LZ4 in its legacy frame format
    Lz4,
    /// Zstandard, RFC 8878
    Zstd,
}

impl Compression {
    /// Every format with the bytes it starts with.
    const MAGIC: [(Compression, &'static [u8]); 8] = [
        (Compression::None, b"\x7fELF"),
        (Compression::Gzip, &[0x1f, 0x8b]),
        (Compression::Bzip2, b"BZh"),
        (Compression::Lzma, &[0x5d, 0x00]),
        (Compression::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0]),
        (Compression::Lzo, &[0x89, b'L', b'Z', b'O', 0]),
        (Compression::Lz4, &[0x02, 0x21, 0x4c, 0x18]),
        (Compression::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
    ];

    /// Recognises a payload by its first bytes.
    pub fn of(payload: &[u8]) -> Option<Compression> {
        Self::MAGIC.iter().find(|(_, magic)| payload.starts_with(magic)).map(|(kind, _)| *kind)
    }

    fn decoder<'a>(self, payload: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Compression::None => Box::new(payload),
            Compression::Gzip => Box::new(flate2::bufread::GzDecoder::new(payload)),
            Compression::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(payload)),
            Compression::Lzma => Box::new(lzma_rust2::LzmaReader::new_mem_limit(
                payload,
                DICTIONARY_LIMIT_KIB,
                None,
            )?),
            Compression::Xz => {
                Box::new(lzma_rust2::XzReader::new_mem_limit(payload, false, DICTIONARY_LIMIT_KIB))
            }
            Compression::Lzo => Box::new(lzo::LzopReader::new(payload)?),
            Compression::Lz4 => Box::new(lz4::LegacyReader::new(payload)),
            Compression::Zstd => Box::new(zstd::ZstdReader::new(payload)?),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "uncompressed",
            Compression::Gzip => "gzip",
            Compression::Bzip2 => "bzip2",
            Compression::Lzma => "lzma",
            Compression::Xz => "xz",
            Compression::Lzo => "lzo",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        })
    }
}

/// Limit for LZMA decoders in KiB: the dictionary and 8 MiB for everything else they need.
#[expect(clippy::cast_possible_truncation, reason = "a constant far below 4 TiB")]
const DICTIONARY_LIMIT_KIB: u32 = (MAX_WINDOW >> 10) as u32 + (8 << 10);

/// Bytes to decompress before deciding whether to go on.
const FIRST_LOOK: u64 = 64;

/// Decompresses a kernel: the payload of a bzImage, or a whole gzip-compressed ELF.
///
/// The result is an ELF by its first bytes, and has at most [`MAX_KERNEL`] bytes; anything else is
/// refused as soon as it is seen. Bytes behind the compressed stream are ignored: Linux appends
/// the kernel's size to most formats.
///
/// # Errors
/// [`ImageError::UnknownCompression`], [`ImageError::Decompress`], [`ImageError::PayloadNotElf`],
/// [`ImageError::TooLarge`] or [`ImageError::OutOfMemory`].
pub fn decompress(payload: &[u8]) -> Result<Vec<u8>, ImageError> {
    decompress_within(payload, MAX_KERNEL)
}

fn decompress_within(payload: &[u8], limit: u64) -> Result<Vec<u8>, ImageError> {
    let unknown = || ImageError::UnknownCompression { start: ImageError::start_of(payload) };
    let compression = Compression::of(payload).ok_or_else(unknown)?;
    let damaged = |problem| ImageError::Decompress { compression, problem };

    let mut decoder = compression.decoder(payload).map_err(damaged)?;
    let mut start = Vec::new();
    decoder.by_ref().take(FIRST_LOOK).read_to_end(&mut start).map_err(damaged)?;
    if !ElfFile::is_elf(&start) {
        return Err(ImageError::PayloadNotElf { compression, start: ImageError::start_of(&start) });
    }
    let mut elf = file::reserve("kernel", size_hint(payload).min(limit) + FIRST_LOOK)?;
    elf.extend_from_slice(&start);
    let room = limit.saturating_sub(elf.len() as u64);
    decoder.take(room + 1).read_to_end(&mut elf).map_err(damaged)?;
    match elf.len() as u64 {
        size if size > limit => {
            Err(ImageError::TooLarge { what: "decompressed kernel", size, limit })
        }
        _ => Ok(elf),
    }
}

/// Whether bytes begin like a gzip file.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    Compression::of(bytes) == Some(Compression::Gzip)
}

/// How much memory to reserve at first.
///
/// The last four bytes of a payload give the kernel's size in most formats. They are believed up
/// to a ratio that real kernels stay below; a larger output grows as it comes.
fn size_hint(payload: &[u8]) -> u64 {
    const BELIEVABLE_RATIO: u64 = 16;
    let said = payload.last_chunk().map_or(0, |size| u32::from_le_bytes(*size));
    u64::from(said).min(payload.len() as u64 * BELIEVABLE_RATIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1888 bytes of ELF in 441.
    const GZIP: &[u8] = include_bytes!("../../../tests/fixtures/images/kernel.gz");
    const ELF_SIZE: u64 = 1888;

    #[test]
    fn output_stops_at_the_limit() {
        assert!(decompress_within(GZIP, ELF_SIZE).is_ok());
        for limit in [0, 63, 64, 65, ELF_SIZE - 1] {
            match decompress_within(GZIP, limit) {
                // One byte beyond the limit, or the first look, is all that is decompressed.
                Err(ImageError::TooLarge { size, .. }) => {
                    assert_eq!(size, (limit + 1).max(FIRST_LOOK + 1), "limit {limit}");
                }
                other => panic!("limit {limit}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_size_hint_is_believed_up_to_a_ratio() {
        assert_eq!(size_hint(GZIP), ELF_SIZE);
        assert_eq!(size_hint(&[0xff; 100]), 1600);
        assert_eq!(size_hint(&[0xff; 3]), 0);
    }
}
