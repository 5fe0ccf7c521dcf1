//! A stretch of a disk's file, mapped, so that Xen copies from the page cache to the guest
//! without a copy of ours in between.
//!
//! This process never looks at the memory: whoever touches a page of a file that was cut short
//! gets a signal. The kernel, asked to copy from there, answers with an error.

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::{Disk, SECTOR};

/// Bytes of a stretch: its page tables take 128 KiB at most.
const STRETCH: u64 = 64 << 20;
const PAGE: u64 = 4096;
/// Pages asked about at a time; a larger read goes another way.
const MOST_PAGES: usize = 257;

/// Part of a disk's file, as addresses of this process. Unmapped when dropped.
#[derive(Debug)]
pub(in crate::block) struct View {
    base: NonNull<libc::c_void>,
    /// Where it begins in the file, and bytes.
    offset: u64,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and has no thread affinity.
unsafe impl Send for View {}

impl Disk {
    /// The stretch of the disk that has `offset` in it. `None`: it cannot be mapped, or the disk
    /// does without the page cache.
    pub(in crate::block) fn view(&self, offset: u64) -> Option<View> {
        if !self.in_memory() && !self.cached() {
            return None;
        }
        let start = offset - offset % STRETCH;
        let end = (self.sectors() * SECTOR).min(start + STRETCH);
        let len = usize::try_from(end.checked_sub(start)?).ok()?;
        let size = NonZeroUsize::new(len)?;
        let (shared, at) = (MapFlags::MAP_SHARED, i64::try_from(start).ok()?);
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let base = unsafe { mmap(None, size, ProtFlags::PROT_READ, shared, self.as_fd(), at) };
        Some(View { base: base.ok()?, offset: start, len })
    }
}

impl View {
    /// Whether it covers these bytes of the disk.
    pub(in crate::block) fn covers(&self, offset: u64, len: usize) -> bool {
        let end = self.offset + self.len as u64;
        offset >= self.offset && offset + len as u64 <= end
    }

    /// Where the `len` bytes from `offset` on are, if it covers them and all of them are in the
    /// page cache: nothing has to be waited for, and no hole is filled.
    pub(in crate::block) fn resident(&self, offset: u64, len: usize) -> Option<*const u8> {
        if !self.covers(offset, len) {
            return None;
        }
        let skip = offset - self.offset;
        let first = usize::try_from(skip - skip % PAGE).ok()?;
        let end = usize::try_from(skip).ok()? + len;
        let pages = (end - first).div_ceil(usize::try_from(PAGE).ok()?);
        let mut found = [0u8; MOST_PAGES];
        let found = found.get_mut(..pages)?;
        // SAFETY: within the mapping, as `covers` says.
        let from = unsafe { self.base.as_ptr().byte_add(first) };
        // SAFETY: the kernel writes one byte for each page of a range that is mapped.
        let answer = unsafe { libc::mincore(from, end - first, found.as_mut_ptr()) };
        if answer != 0 || found.iter().any(|page| page & 1 == 0) {
            return None;
        }
        Some(self.base.as_ptr().cast::<u8>().wrapping_add(usize::try_from(skip).ok()?).cast_const())
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: its own mapping, whose addresses nobody uses after it.
        let _ = unsafe { munmap(self.base, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    use super::super::DiskSpec;
    use super::*;

    #[test]
    fn what_is_there_has_an_address_and_holes_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(&[7; 65536], 131_072).unwrap();
        let spec =
            DiskSpec { path, writable: true, direct: false, discard: true, removable: false };
        let disk = Disk::open(&spec, Duration::ZERO).unwrap();
        let view = disk.view(200_000).expect("the page cache is in use");
        let base = view.resident(131_072, 65536).expect("written just now");
        let inside = view.resident(131_072 + 512, 8192).expect("written just now");
        assert_eq!(inside as usize - base as usize, 512);
        // Half of it was never written, nor read.
        assert_eq!(view.resident(131_072, 131_072), None);
        assert_eq!(view.resident((1 << 20) - 4096, 8192), None);
        assert_eq!(view.resident(0, 1 << 20), None);
    }
}
