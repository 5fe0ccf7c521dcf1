//! What is behind a disk: its size and block sizes, and where its data lives.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};

use super::SECTOR;

/// From `linux/magic.h`.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);
/// Alignment that direct I/O on files is given: no file system wants more.
const DIRECT_BLOCK: u32 = 4096;

mod ioctl {
    use nix::{ioctl_read_bad, request_code_none};

    // From `linux/fs.h`. The last has `size_t` in its number but takes a `u64`.
    ioctl_read_bad!(logical_block_size, request_code_none!(0x12, 104), libc::c_int);
    ioctl_read_bad!(physical_block_size, request_code_none!(0x12, 123), libc::c_uint);
    ioctl_read_bad!(size, nix::request_code_read!(0x12, 114, size_of::<usize>()), u64);
}

/// Sizes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// In units of 512 bytes.
    pub(super) sectors: u64,
    /// Alignment of direct I/O, in bytes.
    pub(super) direct_block: u32,
    /// In bytes.
    pub(super) physical_block_size: u32,
    /// Whether ranges can be given back.
    pub(super) can_discard: bool,
}

impl Geometry {
    pub(super) fn of(file: &File, device: bool) -> io::Result<Geometry> {
        if device { Geometry::of_device(file) } else { Geometry::of_file(file) }
    }

    fn of_file(file: &File) -> io::Result<Geometry> {
        Ok(Geometry {
            sectors: file.metadata()?.len() / SECTOR,
            direct_block: DIRECT_BLOCK,
            physical_block_size: DIRECT_BLOCK,
            can_discard: true,
        })
    }

    fn of_device(file: &File) -> io::Result<Geometry> {
        use std::os::fd::AsRawFd;
        let (fd, mut bytes, mut logical, mut physical) = (file.as_raw_fd(), 0, 0, 0);
        // SAFETY: BLKGETSIZE64 writes a u64, which `bytes` is.
        unsafe { ioctl::size(fd, &raw mut bytes) }?;
        // SAFETY: BLKSSZGET writes an int, which `logical` is.
        unsafe { ioctl::logical_block_size(fd, &raw mut logical) }?;
        // SAFETY: BLKPBSZGET writes an unsigned int, which `physical` is.
        unsafe { ioctl::physical_block_size(fd, &raw mut physical) }?;
        let direct_block = u32::try_from(logical).unwrap_or(0).max(512);
        Ok(Geometry {
            sectors: bytes / SECTOR,
            direct_block,
            physical_block_size: physical.max(direct_block),
            can_discard: device_discards(file.metadata()?.rdev()),
        })
    }
}

/// Where the data of a disk lives, which decides who does the I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Residence {
    /// A file system in memory: nothing to wait for.
    Memory,
    /// Storage behind the page cache, which may have the data at hand.
    Cached,
    /// Storage without the page cache.
    Direct,
}

impl Residence {
    pub(super) fn of(file: &File, device: bool, direct: bool) -> Residence {
        let in_memory = || fstatfs(file).is_ok_and(|fs| is_memory(fs.filesystem_type()));
        match (device, direct) {
            (false, _) if in_memory() => Residence::Memory,
            (_, true) => Residence::Direct,
            (_, false) => Residence::Cached,
        }
    }
}

fn is_memory(kind: FsType) -> bool {
    kind == TMPFS_MAGIC || kind == RAMFS_MAGIC
}

/// Whether the queue of a block device says that it can write zeroes by giving back
/// its blocks, which is what punching a hole into it does.
fn device_discards(number: u64) -> bool {
    let (major, minor) = (libc::major(number), libc::minor(number));
    let limit = |attribute: &str| {
        let queue = format!("/sys/dev/block/{major}:{minor}/queue/{attribute}");
        let parent = format!("/sys/dev/block/{major}:{minor}/../queue/{attribute}");
        let text = std::fs::read_to_string(queue).or_else(|_| std::fs::read_to_string(parent));
        text.ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    limit("discard_max_bytes") > 0 && limit("write_zeroes_max_bytes") > 0
}
