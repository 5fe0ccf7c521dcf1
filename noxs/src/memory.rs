//! Memory that another domain writes at the same time.

use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// Memory shared with a domain that may write to it at any moment. What was read once must
/// not be read again and expected to be the same.
///
/// # Panics
/// Every access panics when it is not within `len` bytes, and every access to a word when its
/// offset is not a multiple of 4: offsets come from the layout, never from the other side.
pub trait SharedMemory {
    /// Bytes shared.
    fn len(&self) -> usize;

    /// True when nothing is shared.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies from `offset` on into `into`.
    fn read(&self, offset: usize, into: &mut [u8]);

    /// Copies `bytes` to `offset`.
    fn write(&self, offset: usize, bytes: &[u8]);

    /// Reads the word at `offset`.
    fn load(&self, offset: usize, order: Ordering) -> u32;

    /// Writes the word at `offset`.
    fn store(&self, offset: usize, value: u32, order: Ordering);

    /// Writes the word at `offset` and returns what it was, sequentially consistent.
    fn swap(&self, offset: usize, value: u32) -> u32;

    /// Sets bits in the word at `offset` and returns what it was, sequentially consistent.
    fn fetch_or(&self, offset: usize, bits: u32) -> u32;

    /// Orders every access before it before every access after it, as `xen_mb` does.
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

impl<P: Deref> SharedMemory for P
where
    P::Target: SharedMemory,
{
    fn len(&self) -> usize {
        (**self).len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        (**self).read(offset, into);
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        (**self).write(offset, bytes);
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        (**self).load(offset, order)
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        (**self).store(offset, value, order);
    }

    fn swap(&self, offset: usize, value: u32) -> u32 {
        (**self).swap(offset, value)
    }

    fn fetch_or(&self, offset: usize, bits: u32) -> u32 {
        (**self).fetch_or(offset, bits)
    }

    fn fence(&self) {
        (**self).fence();
    }
}

/// Shared memory known by its address: what a guest without an allocator or a host's mapping has.
#[derive(Debug)]
pub struct RawShared {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: there are no references to the memory, only copies and atomics, from any thread.
unsafe impl Send for RawShared {}
// SAFETY: as above; it is shared with another domain in any case.
unsafe impl Sync for RawShared {}

impl RawShared {
    /// Names shared memory.
    ///
    /// # Safety
    /// `base` is aligned to 4 bytes; `len` bytes from it on stay readable and writable for as
    /// long as this value exists, and no Rust reference to them exists.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        RawShared { base, len }
    }

    /// Its address.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    fn at(&self, offset: usize, len: usize) -> *mut u8 {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.len), "outside shared memory");
        // SAFETY: within the memory that `new` was promised.
        unsafe { self.base.as_ptr().add(offset) }
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4), "a word that is not aligned");
        // SAFETY: in range and aligned; atomics may be written by others.
        unsafe { AtomicU32::from_ptr(self.at(offset, 4).cast()) }
    }
}

impl SharedMemory for RawShared {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        let from = self.at(offset, into.len());
        // SAFETY: `at` checked the range, which stays readable (`new`).
        unsafe { volatile::read(from, into) };
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        let to = self.at(offset, bytes.len());
        // SAFETY: `at` checked the range, which stays writable (`new`).
        unsafe { volatile::write(to, bytes) };
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.word(offset).load(order)
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        self.word(offset).store(value, order);
    }

    fn swap(&self, offset: usize, value: u32) -> u32 {
        self.word(offset).swap(value, Ordering::SeqCst)
    }

    fn fetch_or(&self, offset: usize, bits: u32) -> u32 {
        self.word(offset).fetch_or(bits, Ordering::SeqCst)
    }
}

/// Copies whose every access happens exactly once: a plain copy may be folded away by
/// the compiler, and then the other side's memory is read again where the copy is used.
pub mod volatile {
    /// Bytes from which on one instruction copies them all.
    #[cfg(all(target_arch = "x86_64", not(any(miri, loom))))]
    const BULK: usize = 512;

    /// Copies from shared memory, in words as long as they are aligned: ring slots are made of
    /// words of 4 bytes.
    ///
    /// # Safety
    /// As many bytes as `into` has can be read at `from`.
    pub unsafe fn read(mut from: *const u8, mut into: &mut [u8]) {
        #[cfg(all(target_arch = "x86_64", not(any(miri, loom))))]
        if into.len() >= BULK {
            let words = into.len() / 8;
            let (bulk, rest) = into.split_at_mut(words * 8);
            let mut next = from;
            // SAFETY: reads as many bytes as there are to read (caller) and writes as many as `bulk`
            // has, each once; the direction flag is clear, as between any two lines of Rust.
            unsafe {
                core::arch::asm!("rep movsq", inout("rcx") words => _, inout("rsi") next,
                    inout("rdi") bulk.as_mut_ptr() => _, options(nostack, preserves_flags));
            }
            (from, into) = (next, rest);
        }
        while into.len() >= 8 && from.cast::<u64>().is_aligned() {
            let (word, rest) = core::mem::take(&mut into).split_at_mut(8);
            // SAFETY: aligned, and eight bytes are left to read (caller).
            word.copy_from_slice(&unsafe { from.cast::<u64>().read_volatile() }.to_ne_bytes());
            (from, into) = (from.wrapping_add(8), rest);
        }
        while into.len() >= 4 && from.cast::<u32>().is_aligned() {
            let (word, rest) = core::mem::take(&mut into).split_at_mut(4);
            // SAFETY: aligned, and four bytes are left to read (caller).
            word.copy_from_slice(&unsafe { from.cast::<u32>().read_volatile() }.to_ne_bytes());
            (from, into) = (from.wrapping_add(4), rest);
        }
        for byte in into {
            // SAFETY: a byte is left to read (caller).
            *byte = unsafe { from.read_volatile() };
            from = from.wrapping_add(1);
        }
    }

    /// Copies to shared memory, as [`read`].
    ///
    /// # Safety
    /// As many bytes as `bytes` has can be written at `to`.
    pub unsafe fn write(mut to: *mut u8, mut bytes: &[u8]) {
        while let Some((word, rest)) = bytes.split_first_chunk::<8>()
            && to.cast::<u64>().is_aligned()
        {
            // SAFETY: aligned, and there is room for eight bytes (caller).
            unsafe { to.cast::<u64>().write_volatile(u64::from_ne_bytes(*word)) };
            (to, bytes) = (to.wrapping_add(8), rest);
        }
        while let Some((word, rest)) = bytes.split_first_chunk::<4>()
            && to.cast::<u32>().is_aligned()
        {
            // SAFETY: aligned, and there is room for four bytes (caller).
            unsafe { to.cast::<u32>().write_volatile(u32::from_ne_bytes(*word)) };
            (to, bytes) = (to.wrapping_add(4), rest);
        }
        for &byte in bytes {
            // SAFETY: there is room for a byte (caller).
            unsafe { to.write_volatile(byte) };
            to = to.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Heap;

    #[test]
    fn a_long_copy_is_as_exact_as_a_short_one() {
        let memory = Heap::new(1);
        let bytes: [u8; 4096] = core::array::from_fn(|n| n.to_le_bytes()[0]);
        memory.write(0, &bytes);
        for (from, len) in [(0, 4096), (0, 511), (1, 513), (3, 519), (512, 1024), (4, 4085)] {
            let mut copy = [0xee; 4100];
            memory.read(from, &mut copy[2..2 + len]);
            assert_eq!(copy[2..2 + len], bytes[from..from + len]);
            assert_eq!((copy[1], copy[2 + len]), (0xee, 0xee));
        }
    }

    #[test]
    fn words_and_bytes_are_the_same_memory_little_endian() {
        let memory = Heap::new(1);
        memory.store(8, 0x0403_0201, Ordering::Relaxed);
        let mut bytes = [0; 4];
        memory.read(8, &mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4]);
        assert_eq!(memory.swap(8, 0x10), 0x0403_0201);
        assert_eq!(memory.fetch_or(8, 1), 0x10);
        assert_eq!(memory.load(8, Ordering::Relaxed), 0x11);
    }

    #[test]
    fn copies_are_whole_at_every_offset_and_length() {
        let memory = Heap::new(1);
        let bytes: [u8; 40] = core::array::from_fn(|i| u8::try_from(i).unwrap() + 1);
        for offset in 0..17 {
            for len in 0..=40 {
                memory.write(0, &[0; 80]);
                memory.write(offset, &bytes[..len]);
                let mut all = [0; 80];
                memory.read(0, &mut all);
                assert_eq!(all[offset..offset + len], bytes[..len]);
                assert_eq!(all.iter().filter(|&&byte| byte != 0).count(), len);
                let mut part = [0; 40];
                memory.read(offset, &mut part[..len]);
                assert_eq!(part[..len], bytes[..len]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside shared memory")]
    fn the_end_is_the_end() {
        Heap::new(1).write(4093, &[0; 4]);
    }

    #[test]
    #[should_panic(expected = "outside shared memory")]
    fn offsets_do_not_wrap() {
        Heap::new(1).read(usize::MAX, &mut [0; 4]);
    }

    #[test]
    #[should_panic(expected = "not aligned")]
    fn words_are_aligned() {
        Heap::new(1).load(2, Ordering::Relaxed);
    }
}
