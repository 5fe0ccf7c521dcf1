//! `/dev/xen/privcmd`: hypercalls and foreign mappings.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap};

use super::{BufferPool, ForeignMapping};
use crate::xen::abi::PAGE_BYTES;
use crate::xen::abi::privcmd::{
    IOCTL_PRIVCMD_HYPERCALL, IOCTL_PRIVCMD_MMAP_RESOURCE, IOCTL_PRIVCMD_MMAPBATCH_V2,
    PrivcmdHypercall, PrivcmdMmapBatchV2, PrivcmdMmapResource,
};

const PRIVCMD: &str = "/dev/xen/privcmd";
const PAGE: NonZeroUsize = NonZeroUsize::new(PAGE_BYTES).expect("pages have bytes");
const HYPERCALL: &str = "/dev/xen/hypercall";

/// Owner of the device file.
pub(in crate::xen) struct Privcmd {
    device: File,
    /// Memory for arguments.
    pub(in crate::xen) buffers: BufferPool,
}

fn open(path: &'static str) -> Result<File, (&'static str, io::Error)> {
    OpenOptions::new().read(true).write(true).open(Path::new(path)).map_err(|e| (path, e))
}

impl Privcmd {
    /// Opens the device files; the error names the one that could not be opened.
    pub(in crate::xen) fn open() -> Result<Self, (&'static str, io::Error)> {
        Ok(Privcmd { device: open(PRIVCMD)?, buffers: BufferPool::new(open(HYPERCALL)?) })
    }

    /// Makes a hypercall.
    ///
    /// # Safety
    /// Addresses among `arg` must be what hypercall `op` takes them for, in
    /// memory that stays valid and locked for the duration of the call.
    pub(in crate::xen) unsafe fn hypercall(&self, op: u64, arg: [u64; 5]) -> Result<u64, Errno> {
        let call = PrivcmdHypercall { op, arg };
        // SAFETY: the kernel reads one `privcmd_hypercall`; the rest is the
        // caller's promise.
        let answer = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_PRIVCMD_HYPERCALL, &raw const call)
        };
        Errno::result(answer).map(|n| u64::from(n.cast_unsigned()))
    }

    /// Maps the frames `gfns` of domain `domid` next to each other, writable.
    ///
    /// # Errors
    /// `EINVAL` for no frames; the first frame's error when one cannot be mapped.
    pub(in crate::xen) fn map(&self, domid: u16, gfns: &[u64]) -> Result<ForeignMapping, Errno> {
        let len = gfns.len().checked_mul(PAGE_BYTES).and_then(NonZeroUsize::new);
        let len = len.ok_or(Errno::EINVAL)?;
        let num = u32::try_from(gfns.len()).map_err(|_| Errno::EINVAL)?;
        let mapping = self.window(len)?;
        let mut errors = vec![0i32; gfns.len()];
        let batch = PrivcmdMmapBatchV2 {
            num,
            dom: domid,
            _pad: 0,
            addr: mapping.address(),
            arr: gfns.as_ptr(),
            err: errors.as_mut_ptr(),
        };
        // SAFETY: the kernel reads `num` frames, writes `num` errors and fills
        // the mapping made for this call, which nothing refers to yet.
        let answer = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_PRIVCMD_MMAPBATCH_V2, &raw const batch)
        };
        Errno::result(answer)?;
        match errors.iter().find(|&&e| e != 0) {
            Some(&e) => Err(Errno::from_raw(-e)),
            None => Ok(mapping),
        }
    }

    /// Maps the first frame of domain `domid`'s resource `id` of type `kind`, writable.
    ///
    /// # Errors
    /// Those of `XENMEM_acquire_resource`.
    pub(in crate::xen) fn map_resource(
        &self,
        domid: u16,
        kind: u32,
        id: u32,
    ) -> Result<ForeignMapping, Errno> {
        let mapping = self.window(PAGE)?;
        let addr = mapping.address();
        let resource = PrivcmdMmapResource { dom: domid, kind, id, idx: 0, num: 1, addr };
        // SAFETY: the kernel reads the request and fills the page mapped for this call, which
        // nothing refers to yet.
        let answer = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_PRIVCMD_MMAP_RESOURCE, &raw const resource)
        };
        Errno::result(answer).map(|_| mapping)
    }

    /// Room for `len` bytes of another domain's, for the kernel to fill.
    fn window(&self, len: NonZeroUsize) -> Result<ForeignMapping, Errno> {
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let base = unsafe { mmap(None, len, prot, MapFlags::MAP_SHARED, &self.device, 0)? };
        // SAFETY: mapped just above and known to nobody else.
        Ok(unsafe { ForeignMapping::new(base.cast(), len.get()) })
    }
}
