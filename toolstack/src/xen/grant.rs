//! Pages that guests grant: copied from and to, or mapped.

use std::sync::Arc;

use super::abi::PAGE_BYTES;
use super::abi::gntdev::{
    self, GNTCOPY_DEST_GREF, GNTCOPY_SOURCE_GREF, GNTST_OKAY, MINUS_GNTST_BAD_COPY_ARG,
};
use super::dev::{GNTDEV, Gntdev, GrantMapping, GrantView};
use super::{Call, DomId, Xen, XenError};

/// This process's access to granted pages. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct GrantDevice {
    xen: Arc<Xen>,
    device: Gntdev,
}

impl Xen {
    /// Opens this process's access to granted pages.
    ///
    /// # Errors
    /// As [`Xen::open`].
    pub fn grants(self: &Arc<Self>) -> Result<GrantDevice, XenError> {
        self.allow(Call("open /dev/xen/gntdev"), None)?;
        let device = Gntdev::open().map_err(|e| XenError::from_open(GNTDEV, e))?;
        Ok(GrantDevice { xen: Arc::clone(self), device })
    }
}

/// A piece to be copied between memory of this process and one page that a guest grants.
#[derive(Debug)]
pub struct CopySegment<'a> {
    gref: u32,
    offset: u16,
    local: Local<'a>,
    status: i16,
}

#[derive(Debug)]
enum Local<'a> {
    To(&'a mut [u8]),
    From(&'a [u8]),
    Unseen(*const u8, usize),
}

impl<'a> CopySegment<'a> {
    /// Bytes from `offset` of the page granted as `gref` into `to`.
    pub fn read(gref: u32, offset: u16, to: &'a mut [u8]) -> Self {
        CopySegment { gref, offset, local: Local::To(to), status: GNTST_OKAY }
    }

    /// The bytes `from` to `offset` of the page granted as `gref`.
    pub fn write(gref: u32, offset: u16, from: &'a [u8]) -> Self {
        CopySegment { gref, offset, local: Local::From(from), status: GNTST_OKAY }
    }

    /// The `len` bytes at the address `from` to `offset` of the page granted as `gref`. The kernel
    /// looks them up when it copies: where it finds none, as behind the end of a mapped file, the
    /// whole call fails.
    pub fn write_unseen(gref: u32, offset: u16, from: *const u8, len: usize) -> Self {
        CopySegment { gref, offset, local: Local::Unseen(from, len), status: GNTST_OKAY }
    }

    /// Whether it was copied.
    pub fn is_done(&self) -> bool {
        self.status == GNTST_OKAY
    }

    /// Xen's answer (`GNTST_*` of `public/grant_table.h`); 0 when it was copied.
    pub fn status(&self) -> i16 {
        self.status
    }

    fn len(&self) -> usize {
        match &self.local {
            Local::To(to) => to.len(),
            Local::From(from) => from.len(),
            Local::Unseen(_, len) => *len,
        }
    }

    /// Whether it has bytes and ends in its page.
    fn is_sound(&self) -> bool {
        self.len() > 0 && usize::from(self.offset) + self.len() <= PAGE_BYTES
    }

    /// As the driver takes it; `None` for one that is not sound.
    fn raw(&mut self, domain: DomId) -> Option<gntdev::CopySegment> {
        let len = self.len();
        if !self.is_sound() {
            return None;
        }
        let grant = u64::from(self.gref) | u64::from(self.offset) << 32 | u64::from(domain.0) << 48;
        let (source, dest, flags) = match &mut self.local {
            Local::To(to) => (grant, to.as_mut_ptr() as u64, GNTCOPY_SOURCE_GREF),
            Local::From(from) => (from.as_ptr() as u64, grant, GNTCOPY_DEST_GREF),
            Local::Unseen(from, _) => (*from as u64, grant, GNTCOPY_DEST_GREF),
        };
        let len = u16::try_from(len).unwrap_or(0);
        Some(gntdev::CopySegment { source, dest, len, flags, status: GNTST_OKAY, _pad: 0 })
    }
}

impl GrantDevice {
    /// Copies all of `segments` between this process and pages that `domain` grants, in one call
    /// of the system. Whether each was copied is in it afterwards: one that failed, or runs over
    /// the end of its page, does not keep the others from being copied. One without bytes is
    /// done.
    ///
    /// # Errors
    /// [`XenError::Call`]; nothing is known of the segments then.
    pub fn copy(&self, domain: DomId, segments: &mut [CopySegment<'_>]) -> Result<(), XenError> {
        const CALL: Call = Call("IOCTL_GNTDEV_GRANT_COPY");
        self.xen.allow(CALL, Some(domain))?;
        let mut raw = Vec::with_capacity(segments.len());
        for segment in segments.iter_mut() {
            match segment.raw(domain) {
                Some(piece) => raw.push(piece),
                None if segment.len() == 0 => segment.status = GNTST_OKAY,
                None => segment.status = -MINUS_GNTST_BAD_COPY_ARG,
            }
        }
        if raw.is_empty() {
            return Ok(());
        }
        // SAFETY: each piece's local end is a slice that `segments` borrows for longer than the
        // call, exclusively where it is written to; or it is only read, by the kernel, which
        // fails where there is no memory.
        let copied = unsafe { self.device.copy(&mut raw) };
        copied.map_err(|e| self.xen.failed(CALL, Some(domain), e))?;
        for (segment, piece) in segments.iter_mut().filter(|s| s.is_sound()).zip(&raw) {
            segment.status = piece.status;
        }
        Ok(())
    }

    /// Maps the pages that `domain` grants as `refs` next to each other, writable; at most 256.
    ///
    /// # Errors
    /// [`XenError::Call`]: `EINVAL` when there are none, too many, or one cannot be mapped, as
    /// one that is granted for reading alone.
    pub fn map(&self, domain: DomId, refs: &[u32]) -> Result<GrantMapping, XenError> {
        const CALL: Call = Call("IOCTL_GNTDEV_MAP_GRANT_REF");
        self.xen.allow(CALL, Some(domain))?;
        let mapped = self.device.map(domain.0, refs);
        mapped.map_err(|e| self.xen.failed(CALL, Some(domain), e))
    }

    /// Maps the page that `domain` grants as `gref`, for reading.
    ///
    /// # Errors
    /// [`XenError::Call`]: `EINVAL` when it cannot be mapped.
    pub fn view(&self, domain: DomId, gref: u32) -> Result<GrantView, XenError> {
        const CALL: Call = Call("IOCTL_GNTDEV_MAP_GRANT_REF");
        self.xen.allow(CALL, Some(domain))?;
        let mapped = self.device.view(domain.0, gref);
        mapped.map_err(|e| self.xen.failed(CALL, Some(domain), e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_packed_as_the_driver_takes_them() {
        let mut buffer = [0; 16];
        let address = buffer.as_ptr() as u64;
        let raw = CopySegment::read(7, 4080, &mut buffer).raw(DomId(3)).unwrap();
        assert_eq!(raw.source, 7 | 4080 << 32 | 3 << 48);
        assert_eq!((raw.dest, raw.len, raw.flags), (address, 16, GNTCOPY_SOURCE_GREF));
        let raw = CopySegment::write(7, 0, &buffer).raw(DomId(3)).unwrap();
        assert_eq!((raw.source, raw.dest), (address, 7 | 3 << 48));
        assert_eq!(raw.flags, GNTCOPY_DEST_GREF);
    }

    #[test]
    fn pieces_stay_in_their_page() {
        let mut buffer = [0; 16];
        for offset in [4081, 4096, u16::MAX] {
            assert!(CopySegment::read(7, offset, &mut buffer).raw(DomId(3)).is_none(), "{offset}");
        }
        assert!(CopySegment::write(7, 0, &[0; 4097]).raw(DomId(3)).is_none());
        assert!(CopySegment::write(7, 0, &[]).raw(DomId(3)).is_none());
    }
}
