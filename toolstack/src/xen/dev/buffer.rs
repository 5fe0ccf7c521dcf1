//! Hypercall buffers: memory the hypervisor may read and write during a call.
//!
//! They come from `/dev/xen/hypercall`, whose pages the kernel never moves or
//! swaps out (Linux `drivers/xen/privcmd-buf.c`). A pool keeps a few so that a
//! call costs no system call for its memory.

use std::fs::File;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use parking_lot::Mutex;

use crate::xen::abi::Plain;

/// Bytes of one buffer. The largest argument is a list of 1536 extents.
pub(in crate::xen) const BUFFER_SIZE: usize = 16 * 1024;
const BUFFERS_PER_MAPPING: usize = 4;
const MAPPING_SIZE: NonZeroUsize = NonZeroUsize::new(BUFFER_SIZE * BUFFERS_PER_MAPPING).unwrap();

/// Owns every buffer there is and hands them out.
pub(in crate::xen) struct BufferPool {
    device: File,
    state: Mutex<PoolState>,
}

#[derive(Default)]
struct PoolState {
    free: Vec<NonNull<u8>>,
    mappings: Vec<NonNull<u8>>,
}

// SAFETY: the pointers name mappings that only the pool owns; a buffer's memory
// is reached only through the one `Buffer` that holds its pointer.
unsafe impl Send for PoolState {}

impl BufferPool {
    pub(super) fn new(device: File) -> Self {
        BufferPool { device, state: Mutex::default() }
    }

    /// Takes a buffer; its old content is unspecified.
    pub(in crate::xen) fn take(&self) -> Result<Buffer<'_>, Errno> {
        let mut state = self.state.lock();
        if state.free.is_empty() {
            self.grow(&mut state)?;
        }
        let memory = state.free.pop().ok_or(Errno::ENOMEM)?;
        Ok(Buffer { pool: self, memory, used: 0 })
    }

    fn grow(&self, state: &mut PoolState) -> Result<(), Errno> {
        let flags = MapFlags::MAP_SHARED;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let base = unsafe { mmap(None, MAPPING_SIZE, prot, flags, &self.device, 0)? }.cast::<u8>();
        state.mappings.push(base);
        for i in 0..BUFFERS_PER_MAPPING {
            // SAFETY: `i` counts the buffers of this mapping.
            state.free.push(unsafe { base.add(i * BUFFER_SIZE) });
        }
        Ok(())
    }
}

impl Drop for BufferPool {
    fn drop(&mut self) {
        for base in self.state.get_mut().mappings.drain(..) {
            // SAFETY: mapped by `grow` with this size; no `Buffer` outlives the
            // pool it borrows. A failure leaks address space and nothing else.
            let _ = unsafe { munmap(base.cast(), MAPPING_SIZE.get()) };
        }
    }
}

/// One hypercall buffer, filled from the front; goes back to its pool when dropped.
pub(in crate::xen) struct Buffer<'a> {
    pool: &'a BufferPool,
    memory: NonNull<u8>,
    used: usize,
}

/// Where in a [`Buffer`] a value stands.
#[derive(Clone, Copy)]
pub(in crate::xen) struct Slot {
    offset: usize,
    size: usize,
}

impl Buffer<'_> {
    /// Places `value` behind what is there already, 8-byte aligned.
    ///
    /// # Panics
    /// When the buffer is full: every caller's arguments have a fixed bound.
    pub(in crate::xen) fn put<T: Plain>(&mut self, value: &T) -> Slot {
        self.put_slice(std::slice::from_ref(value))
    }

    /// Places `values` one after another; see [`Buffer::put`].
    pub(in crate::xen) fn put_slice<T: Plain>(&mut self, values: &[T]) -> Slot {
        let slot = self.reserve(size_of_val(values));
        let (from, to) = (values.as_ptr().cast::<u8>(), self.at(slot));
        // SAFETY: `reserve` made sure that the bytes lie inside the buffer, which
        // nobody else can reach; `T: Plain` may be copied as bytes.
        unsafe { std::ptr::copy_nonoverlapping(from, to, slot.size) };
        slot
    }

    /// Sets aside `size` zero bytes.
    ///
    /// # Panics
    /// As [`Buffer::put`].
    pub(in crate::xen) fn reserve_zeroed(&mut self, size: usize) -> Slot {
        let slot = self.reserve(size);
        // SAFETY: `reserve` made sure that the bytes lie inside the buffer.
        unsafe { self.at(slot).write_bytes(0, slot.size) };
        slot
    }

    fn reserve(&mut self, size: usize) -> Slot {
        let offset = self.used;
        assert!(size <= BUFFER_SIZE - offset, "a hypercall's arguments exceed its buffer");
        self.used = (offset + size).next_multiple_of(8).min(BUFFER_SIZE);
        Slot { offset, size }
    }

    fn at(&self, slot: Slot) -> *mut u8 {
        // SAFETY: `reserve`, the only maker of slots, keeps them inside the buffer.
        unsafe { self.memory.as_ptr().add(slot.offset) }
    }

    /// The address of `slot`, to be handed to the hypervisor.
    pub(in crate::xen) fn address(&self, slot: Slot) -> u64 {
        self.memory.as_ptr() as u64 + slot.offset as u64
    }

    /// Reads the value at `slot`.
    ///
    /// # Panics
    /// When `T` is larger than what was put there.
    pub(in crate::xen) fn get<T: Plain>(&self, slot: Slot) -> T {
        assert!(size_of::<T>() <= slot.size);
        // SAFETY: inside the buffer by `reserve`; `T: Plain` holds for any bytes.
        unsafe { self.at(slot).cast::<T>().read_unaligned() }
    }

    /// Reads `count` values starting at `slot` into `out`.
    ///
    /// # Panics
    /// When they are more than were put there.
    pub(in crate::xen) fn get_slice<T: Plain>(&self, slot: Slot, out: &mut [T]) {
        assert!(size_of_val(out) <= slot.size);
        let (from, to) = (self.at(slot), out.as_mut_ptr().cast::<u8>());
        // SAFETY: inside the buffer by `reserve`; `T: Plain` holds for any bytes.
        unsafe { std::ptr::copy_nonoverlapping(from, to, size_of_val(out)) };
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        self.pool.state.lock().free.push(self.memory);
    }
}
