//! `/dev/xen/gntdev`: pages that other domains grant access to.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap};

use super::ForeignMapping;
use crate::xen::abi::PAGE_BYTES;
use crate::xen::abi::gntdev::{
    CopySegment, GrantCopy, GrantRef, IOCTL_GNTDEV_GRANT_COPY, IOCTL_GNTDEV_MAP_GRANT_REF,
    IOCTL_GNTDEV_UNMAP_GRANT_REF, MapGrantRef, UnmapGrantRef,
};

pub(in crate::xen) const GNTDEV: &str = "/dev/xen/gntdev";

/// The most grants mapped by one call; ring protocols have 16 pages at most.
const MAX_MAP: usize = 256;

/// Owner of the device file.
#[derive(Clone, Debug)]
pub(in crate::xen) struct Gntdev {
    device: Arc<File>,
}

/// Granted pages, mapped next to each other, writable; given back when dropped.
#[derive(Debug)]
pub struct GrantMapping {
    // Unmapped before `range` tells the driver that it is no longer in use.
    memory: ForeignMapping,
    _range: Range,
}

/// A page that may be granted for reading alone, mapped; given back when dropped.
#[derive(Debug)]
pub struct GrantView(GrantMapping);

impl GrantView {
    /// Copies bytes at `offset` of the page out, each read from it exactly once.
    ///
    /// # Panics
    /// When that is not within 4096 bytes.
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        self.0.read(offset, out);
    }
}

/// A range of the device file that stands for grants.
#[derive(Debug)]
struct Range {
    device: Arc<File>,
    index: u64,
    count: u32,
}

impl Drop for Range {
    fn drop(&mut self) {
        let arg = UnmapGrantRef { index: self.index, count: self.count, _pad: 0 };
        // SAFETY: the kernel reads one `ioctl_gntdev_unmap_grant_ref`. A failure leaves the range
        // to the driver, which gives it back when the file is closed.
        let _ = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_GNTDEV_UNMAP_GRANT_REF, &raw const arg)
        };
    }
}

impl Gntdev {
    pub(in crate::xen) fn open() -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(Path::new(GNTDEV))?;
        Ok(Gntdev { device: Arc::new(device) })
    }

    /// Maps the grants `refs` of domain `domid` next to each other, writable.
    ///
    /// # Errors
    /// `EINVAL` for no grants or too many, and for one that cannot be mapped.
    pub(in crate::xen) fn map(&self, domid: u16, refs: &[u32]) -> Result<GrantMapping, Errno> {
        self.map_as(domid, refs, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)
    }

    /// Maps the grant `gref` of domain `domid`, for reading.
    ///
    /// # Errors
    /// `EINVAL` when it cannot be mapped.
    pub(in crate::xen) fn view(&self, domid: u16, gref: u32) -> Result<GrantView, Errno> {
        self.map_as(domid, &[gref], ProtFlags::PROT_READ).map(GrantView)
    }

    fn map_as(&self, domid: u16, refs: &[u32], prot: ProtFlags) -> Result<GrantMapping, Errno> {
        if refs.len() > MAX_MAP {
            return Err(Errno::EINVAL);
        }
        let len = NonZeroUsize::new(refs.len() * PAGE_BYTES).ok_or(Errno::EINVAL)?;
        let range = self.reserve(domid, refs)?;
        let offset = libc::off_t::try_from(range.index).map_err(|_| Errno::EINVAL)?;
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let base = unsafe { mmap(None, len, prot, MapFlags::MAP_SHARED, &self.device, offset)? };
        // SAFETY: mapped just above and known to nobody else.
        let memory = unsafe { ForeignMapping::new(base.cast(), len.get()) };
        Ok(GrantMapping { memory, _range: range })
    }

    /// Has the driver set a range of the file apart for grants.
    fn reserve(&self, domid: u16, refs: &[u32]) -> Result<Range, Errno> {
        let count = u32::try_from(refs.len()).map_err(|_| Errno::EINVAL)?;
        let grant = |&reference: &u32| GrantRef { domid: u32::from(domid), reference };
        // The structure has the first grant in it, the others stand behind it. All of its parts
        // are 8 bytes long.
        let head = size_of::<MapGrantRef>() / 8 - 1;
        let mut arg = vec![0u64; head + refs.len()];
        arg[0] = u64::from(count);
        for (slot, grant) in arg[head..].iter_mut().zip(refs.iter().map(grant)) {
            *slot = u64::from(grant.domid) | u64::from(grant.reference) << 32;
        }
        // SAFETY: the kernel reads an `ioctl_gntdev_map_grant_ref` with `count` grants and writes
        // its `index`; `arg` holds both.
        let answer = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_GNTDEV_MAP_GRANT_REF, arg.as_mut_ptr())
        };
        Errno::result(answer)?;
        Ok(Range { device: Arc::clone(&self.device), index: arg[1], count })
    }

    /// Copies all of `segments`; the status of each is in it afterwards.
    ///
    /// # Safety
    /// The end of each segment that is no grant must be `len` bytes of this process's memory,
    /// readable or writable as the segment's direction says, for the duration of the call.
    pub(in crate::xen) unsafe fn copy(&self, segments: &mut [CopySegment]) -> Result<(), Errno> {
        let count = u32::try_from(segments.len()).map_err(|_| Errno::EINVAL)?;
        let arg = GrantCopy { count, _pad: 0, segments: segments.as_mut_ptr() };
        // SAFETY: the kernel reads an `ioctl_gntdev_grant_copy` and its `count` segments and
        // writes their status; what they point to is the caller's promise.
        let answer = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_GNTDEV_GRANT_COPY, &raw const arg)
        };
        Errno::result(answer).map(drop)
    }
}

impl Deref for GrantMapping {
    type Target = ForeignMapping;

    fn deref(&self) -> &ForeignMapping {
        &self.memory
    }
}
