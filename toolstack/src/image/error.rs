//! What can be wrong with an image.

use std::io;
use std::path::{Path, PathBuf};

use super::Compression;

/// Why an image cannot be used.
///
/// Every message is complete in itself: it includes the cause where there is one, so
/// [`source`](std::error::Error::source) is always `None`.
///
/// Offsets count in bytes from the start of the file; inside a compressed kernel they count from
/// the start of the decompressed ELF.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Any of the other variants, with the file it happened in.
    #[error("{}: {problem}", path.display())]
    InFile {
        /// The file as the caller named it.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<ImageError>,
    },

    /// The file cannot be opened or read.
    #[error("cannot read the file: {0}; check its path and permissions")]
    Io(io::Error),

    /// The path names a directory, a device, a pipe or a socket.
    #[error("not a regular file; name the image file itself")]
    NotAFile,

    /// There is nothing in the file.
    #[error("the {what} is empty; check that it was written completely")]
    Empty {
        /// Which part.
        what: &'static str,
    },

    /// Something is larger than this toolstack accepts.
    #[error("the {what} has {size} bytes, more than the limit of {limit}; use a smaller image")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size in bytes, or the first size seen to be beyond the limit.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },

    /// The host has no memory for the image.
    #[error("no memory for {size} bytes of {what}; free some memory in this domain")]
    OutOfMemory {
        /// Which part.
        what: &'static str,
        /// Bytes asked for.
        size: u64,
    },

    /// Neither ELF nor bzImage nor gzip.
    #[error(
        "unknown image format (starts with {start:02x?}); \
         give an ELF kernel, a gzip-compressed ELF kernel or a Linux bzImage"
    )]
    UnknownFormat {
        /// The first bytes of the file, at most eight.
        start: Vec<u8>,
    },

    /// The image refers to bytes it does not have.
    #[error(
        "truncated: the {what} at offset {offset:#x} needs {needed:#x} bytes, \
         the image ends at {end:#x}; copy or build the image again"
    )]
    Truncated {
        /// Which part.
        what: &'static str,
        /// Where it starts, in bytes.
        offset: u64,
        /// How many bytes it needs.
        needed: u64,
        /// Where the image ends, in bytes.
        end: u64,
    },

    /// A header field has a value that cannot be served.
    #[error("{what} at offset {offset:#x} is {value:#x}; expected {expected}")]
    BadField {
        /// The field, by its name in the format's documentation.
        what: &'static str,
        /// Where it is, in bytes.
        offset: u64,
        /// What it says.
        value: u64,
        /// What would have been right.
        expected: &'static str,
    },

    /// Two loadable segments claim the same guest-physical bytes.
    #[error(
        "loadable segments overlap: one ends at physical address {end:#x}, \
         the next starts at {start:#x}; link the kernel again"
    )]
    SegmentsOverlap {
        /// End of the lower segment, exclusive.
        end: u64,
        /// Start of the one above it.
        start: u64,
    },

    /// A bzImage payload in no compression Linux offers.
    #[error(
        "unknown payload compression (starts with {start:02x?}); expected gzip, bzip2, lzma, xz, \
         lzo, lz4, zstd or an uncompressed ELF"
    )]
    UnknownCompression {
        /// The first bytes of the payload, at most eight.
        start: Vec<u8>,
    },

    /// The compressed data is damaged, or asks for a window above [`MAX_WINDOW`](super::MAX_WINDOW).
    #[error(
        "cannot decompress the {compression} payload: {problem}; \
         copy the image again, or compress it with a window of at most 128 MiB"
    )]
    Decompress {
        /// How it is compressed.
        compression: Compression,
        /// What the decompressor says.
        problem: io::Error,
    },

    /// What was compressed is not an ELF kernel.
    #[error("the {compression} payload holds no ELF kernel (starts with {start:02x?})")]
    PayloadNotElf {
        /// How it is compressed.
        compression: Compression,
        /// The first bytes after decompression, at most eight.
        start: Vec<u8>,
    },

    /// A Xen note, or an entry of the `__xen_guest` section, makes no sense.
    #[error("Xen note {name}: {problem}")]
    BadNote {
        /// The note's name in Xen's `public/elfnote.h`, or the entry's key.
        name: String,
        /// What is wrong, and what would be right.
        problem: String,
    },

    /// An ELF without Xen notes and without a `__xen_guest` section.
    #[error(
        "no Xen notes in this kernel; build it with Xen guest support \
         (Linux: CONFIG_XEN_PVH or CONFIG_XEN_PV)"
    )]
    NotXen,

    /// The kernel has no PVH entry point.
    #[error(
        "this kernel has no PVH entry point (note PHYS32_ENTRY); \
         boot it as PV, or build it with PVH support (Linux: CONFIG_PVH or CONFIG_XEN_PVH)"
    )]
    NoPvhEntry,

    /// The kernel cannot run as a 64-bit PV guest.
    #[error("not bootable as PV: {what} is {found}; expected {expected}")]
    NotPv {
        /// Which property.
        what: &'static str,
        /// What the image says.
        found: String,
        /// What a PV guest needs.
        expected: &'static str,
    },

    /// An address lies outside the range it must be in.
    #[error("{what} {address:#x} is outside of {start:#x}..{end:#x}; link the kernel again")]
    OutOfRange {
        /// Which address.
        what: &'static str,
        /// Its value.
        address: u64,
        /// First address that would be right.
        start: u64,
        /// First address beyond.
        end: u64,
    },

    /// No way to boot this kernel was found.
    #[error("bootable neither as PVH ({pvh}) nor as PV ({pv})")]
    NotBootable {
        /// Why not as PVH.
        pvh: Box<ImageError>,
        /// Why not as PV.
        pv: Box<ImageError>,
    },
}

impl From<io::Error> for ImageError {
    fn from(problem: io::Error) -> ImageError {
        ImageError::Io(problem)
    }
}

impl ImageError {
    /// Adds the path of the file; a path already there stays.
    pub(super) fn in_file(self, path: &Path) -> ImageError {
        match self {
            ImageError::InFile { .. } => self,
            problem => ImageError::InFile { path: path.to_owned(), problem: Box::new(problem) },
        }
    }

    pub(super) fn note(name: impl Into<String>, problem: impl Into<String>) -> ImageError {
        ImageError::BadNote { name: name.into(), problem: problem.into() }
    }

    /// The first bytes of something unrecognised, as errors carry them.
    pub(super) fn start_of(bytes: &[u8]) -> Vec<u8> {
        bytes[..bytes.len().min(8)].to_vec()
    }
}
