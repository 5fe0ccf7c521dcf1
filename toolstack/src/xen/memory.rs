//! Giving memory to domains and looking into it.

use std::sync::atomic::Ordering;

use nix::errno::Errno;

use super::abi::hvm::MemmapEntry;
use super::abi::{hypercall, memory};
use super::dev::BUFFER_SIZE;
use super::{Call, DomId, ForeignMapping, Xen, XenError};

/// Extents that fit one hypercall buffer beside the reservation itself.
const EXTENTS_PER_CALL: usize = (BUFFER_SIZE - 256) / 8;

/// An entry as the BIOS's call e820 answers it; the types are the same.
fn e820_entry(entry: &MemmapEntry) -> Vec<u8> {
    let MemmapEntry { addr, size, kind, reserved: _ } = entry;
    [&addr.to_ne_bytes()[..], &size.to_ne_bytes(), &kind.to_ne_bytes()].concat()
}

impl Xen {
    /// Gives `domain` an extent of `1 << order` pages at each of `extents` (first
    /// gfns). For a PV guest the entries come back as the extents' first mfns.
    ///
    /// Returns how many extents were populated, from the front; fewer than asked
    /// means the host ran out of memory, or of contiguous memory, or the domain
    /// reached its bound.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn populate(
        &self,
        domain: DomId,
        order: u32,
        extents: &mut [u64],
    ) -> Result<usize, XenError> {
        let mut done = 0;
        for chunk in extents.chunks_mut(EXTENTS_PER_CALL) {
            let n = self.populate_chunk(domain, order, chunk)?;
            done += n;
            if n < chunk.len() {
                break;
            }
        }
        Ok(done)
    }

    fn populate_chunk(
        &self,
        domain: DomId,
        order: u32,
        extents: &mut [u64],
    ) -> Result<usize, XenError> {
        const CALL: Call = Call("XENMEM_populate_physmap");
        let mut buffer = self.buffer()?;
        let list = buffer.put_slice(extents);
        let reservation = memory::MemoryReservation {
            extent_start: buffer.address(list),
            nr_extents: extents.len() as u64,
            extent_order: order,
            domid: domain.0,
            ..Default::default()
        };
        let reservation = buffer.put(&reservation);
        let args = [memory::POPULATE_PHYSMAP, buffer.address(reservation), 0, 0, 0];
        // SAFETY: the buffer holds the reservation and the list it points to, and
        // outlives the call.
        let done = unsafe { self.hypercall(CALL, Some(domain), hypercall::MEMORY_OP, args) }?;
        buffer.get_slice(list, extents);
        Ok(usize::try_from(done).unwrap_or(usize::MAX).min(extents.len()))
    }

    /// Lets the first `count` frames of `domain`'s grant table appear from gfn `first` on in its
    /// address space, growing the table where it is shorter.
    ///
    /// # Errors
    /// [`XenError::Call`]: `EINVAL` for more frames than the domain may have.
    pub fn map_grant_table(&self, domain: DomId, first: u64, count: u32) -> Result<(), XenError> {
        const CALL: Call = Call("XENMEM_add_to_physmap_batch");
        let mut buffer = self.buffer()?;
        let idxs: Vec<u64> = (0..u64::from(count)).collect();
        let gpfns: Vec<u64> = idxs.iter().map(|n| first + n).collect();
        let mut errors = vec![0i32; gpfns.len()];
        let (idxs, gpfns) = (buffer.put_slice(&idxs), buffer.put_slice(&gpfns));
        let errs = buffer.put_slice(&errors);
        let arg = memory::AddToPhysmapBatch {
            domid: domain.0,
            space: u16::try_from(memory::MAPSPACE_GRANT_TABLE).unwrap_or(u16::MAX),
            size: u16::try_from(count).unwrap_or(u16::MAX),
            extra: 0,
            idxs: buffer.address(idxs),
            gpfns: buffer.address(gpfns),
            errs: buffer.address(errs),
        };
        let arg = buffer.put(&arg);
        let args = [memory::ADD_TO_PHYSMAP_BATCH, buffer.address(arg), 0, 0, 0];
        // SAFETY: the buffer holds the request and the three lists of `size` entries it points
        // to, and outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::MEMORY_OP, args) }?;
        buffer.get_slice(errs, &mut errors);
        match errors.into_iter().find(|&e| e != 0) {
            Some(e) => Err(self.failed(CALL, Some(domain), Errno::from_raw(-e))),
            None => Ok(()),
        }
    }

    /// Lets `domain`'s shared info page appear at gfn `frame` of its address space.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn map_shared_info(&self, domain: DomId, frame: u64) -> Result<(), XenError> {
        const CALL: Call = Call("XENMEM_add_to_physmap");
        let mut buffer = self.buffer()?;
        let arg = buffer.put(&memory::AddToPhysmap {
            domid: domain.0,
            size: 0,
            space: memory::MAPSPACE_SHARED_INFO,
            idx: 0,
            gpfn: frame,
        });
        let args = [memory::ADD_TO_PHYSMAP, buffer.address(arg), 0, 0, 0];
        // SAFETY: the buffer holds an `xen_add_to_physmap` and outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::MEMORY_OP, args) }.map(drop)
    }

    /// Tells Xen the map of `domain`'s memory, for guests that ask it with `XENMEM_memory_map`.
    ///
    /// # Errors
    /// [`XenError::Call`]: `EINVAL` for more entries than Xen keeps (128).
    pub(crate) fn set_memory_map(
        &self,
        domain: DomId,
        map: &[MemmapEntry],
    ) -> Result<(), XenError> {
        const CALL: Call = Call("XENMEM_set_memory_map");
        let mut buffer = self.buffer()?;
        let entries: Vec<u8> = map.iter().flat_map(e820_entry).collect();
        let entries = buffer.put_slice(&entries);
        let arg = buffer.put(&memory::ForeignMemoryMap {
            domid: domain.0,
            nr_entries: u32::try_from(map.len()).unwrap_or(u32::MAX),
            buffer: buffer.address(entries),
            ..Default::default()
        });
        let args = [memory::SET_MEMORY_MAP, buffer.address(arg), 0, 0, 0];
        // SAFETY: the buffer holds the request and the `nr_entries` entries it points to, and
        // outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::MEMORY_OP, args) }.map(drop)
    }

    /// Maps the frames `gfns` (mfns for a PV guest) of `domain` next to each other.
    ///
    /// # Errors
    /// [`XenError::Call`]: `EINVAL` for no frames, `ENOENT` or `EINVAL` for a frame
    /// the domain does not have.
    pub fn map(&self, domain: DomId, gfns: &[u64]) -> Result<ForeignMapping, XenError> {
        const CALL: Call = Call("IOCTL_PRIVCMD_MMAPBATCH_V2");
        self.allow(CALL, Some(domain))?;
        self.privcmd.map(domain.0, gfns).map_err(|e| self.failed(CALL, Some(domain), e))
    }

    /// Grants dom0 the page `frame` (gfn of a PVH, mfn of a PV guest) of a domain that has not
    /// run yet, as the domain's entry `reference`. The first eight entries are kept for this
    /// (`GNTTAB_NR_RESERVED_ENTRIES` of `public/grant_table.h`); guests leave them as they are.
    ///
    /// # Errors
    /// [`XenError::Call`]: `EINVAL` for an entry or a frame that no such entry can say.
    pub fn grant_to_host(&self, domain: DomId, reference: u8, frame: u64) -> Result<(), XenError> {
        const CALL: Call = Call("XENMEM_acquire_resource");
        self.allow(CALL, Some(domain))?;
        let failed = |errno| self.failed(CALL, Some(domain), errno);
        let reference = usize::from(reference);
        let frame = u32::try_from(frame).ok().filter(|_| reference < memory::RESERVED_GRANTS);
        let frame = frame.ok_or_else(|| failed(Errno::EINVAL))?;
        let (kind, id) = (memory::RESOURCE_GRANT_TABLE, memory::RESOURCE_GRANT_TABLE_SHARED);
        let table = self.privcmd.map_resource(domain.0, kind, id).map_err(failed)?;
        let at = reference * memory::GRANT_ENTRY_BYTES;
        table.write(at + 4, &frame.to_ne_bytes());
        // Flags, then whom it is for: together they make the entry hold.
        let to = u32::from(memory::GTF_PERMIT_ACCESS) | u32::from(DomId::DOM0.0) << 16;
        table.store(at, to, Ordering::Release);
        Ok(())
    }
}
