//! A window into another domain's memory.
//!
//! The other side may write at any moment, so no Rust reference to the memory
//! ever exists: everything is a copy in or out, or a volatile access.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::munmap;

/// Pages of a domain, mapped next to each other; unmapped when dropped.
#[derive(Debug)]
pub struct ForeignMapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and has no thread affinity.
unsafe impl Send for ForeignMapping {}
// SAFETY: through `&self` only atomics and volatile copies touch the memory,
// which is shared with another domain in any case.
unsafe impl Sync for ForeignMapping {}

impl ForeignMapping {
    /// # Safety
    /// `base` must be a mapping of `len` bytes that this value may unmap.
    pub(super) unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        ForeignMapping { base, len }
    }

    /// Zeroed memory of this process, to stand for another domain's in tests.
    #[cfg(test)]
    pub(crate) fn anonymous(pages: usize) -> Self {
        use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
        let len = std::num::NonZeroUsize::new(pages * crate::xen::abi::PAGE_BYTES).unwrap();
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let base = unsafe { mmap_anonymous(None, len, prot, MapFlags::MAP_PRIVATE) }.unwrap();
        ForeignMapping { base: base.cast(), len: len.get() }
    }

    /// Where it is, for the kernel to fill.
    pub(super) fn address(&self) -> u64 {
        self.base.as_ptr() as u64
    }

    /// Bytes mapped.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Panics
    /// When that is outside the mapping.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let to = self.at(offset, bytes.len());
        // SAFETY: `at` checked the range; the source is ordinary memory, so the
        // two cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Sets `len` bytes from `offset` to zero.
    ///
    /// # Panics
    /// As [`ForeignMapping::write`].
    pub fn zero(&self, offset: usize, len: usize) {
        let to = self.at(offset, len);
        // SAFETY: `at` checked the range.
        unsafe { to.write_bytes(0, len) };
    }

    /// Copies bytes at `offset` out, each read from the shared memory exactly once.
    ///
    /// # Panics
    /// As [`ForeignMapping::write`].
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        let from = self.at(offset, out.len());
        // SAFETY: `at` checked the range.
        unsafe { noxs::volatile::read(from, out) };
    }

    /// Reads the word at `offset` once.
    ///
    /// # Panics
    /// When that is outside the mapping or not a multiple of 4.
    pub fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.word(offset).load(order)
    }

    /// Writes the word at `offset`.
    ///
    /// # Panics
    /// As [`ForeignMapping::load`].
    pub fn store(&self, offset: usize, value: u32, order: Ordering) {
        self.word(offset).store(value, order);
    }

    /// Writes the word at `offset` and answers what it was, sequentially consistent.
    ///
    /// # Panics
    /// As [`ForeignMapping::load`].
    pub fn swap(&self, offset: usize, value: u32) -> u32 {
        self.word(offset).swap(value, Ordering::SeqCst)
    }

    /// Sets bits in the word at `offset` and answers what it was, sequentially consistent.
    ///
    /// # Panics
    /// As [`ForeignMapping::load`].
    pub fn fetch_or(&self, offset: usize, bits: u32) -> u32 {
        self.word(offset).fetch_or(bits, Ordering::SeqCst)
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4));
        let at = self.at(offset, 4).cast::<u32>();
        // SAFETY: aligned (pages are, and the offset is), inside the mapping for
        // as long as `self` lives; an atomic may be changed by others.
        unsafe { AtomicU32::from_ptr(at) }
    }

    fn at(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "outside the mapping");
        // SAFETY: just checked.
        unsafe { self.base.as_ptr().add(offset) }
    }
}

impl noxs::SharedMemory for ForeignMapping {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        self.read(offset, into);
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        self.write(offset, bytes);
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.load(offset, order)
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        self.store(offset, value, order);
    }

    fn swap(&self, offset: usize, value: u32) -> u32 {
        self.swap(offset, value)
    }

    fn fetch_or(&self, offset: usize, bits: u32) -> u32 {
        self.fetch_or(offset, bits)
    }
}

impl Drop for ForeignMapping {
    fn drop(&mut self) {
        // SAFETY: `new`'s caller gave us the mapping. A failure leaks address
        // space and nothing else.
        let _ = unsafe { munmap(self.base.cast(), self.len) };
    }
}
