//! Memory that the kernel's io_uring has been shown once: pages looked up and held, so that it
//! copies to and from them as to its own memory, without a look at this process's tables.

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

/// Bytes that a block of it is a multiple of; smaller ones are not worth the trouble.
pub(super) const UNIT: usize = 64 << 10;
/// As many as a word has bits: 4 MiB, what one disk may have at work.
const UNITS: usize = 64;
const BYTES: usize = UNIT * UNITS;

/// The memory, and which of it is in use. Blocks are given back from any thread.
#[derive(Debug)]
pub(super) struct Arena {
    base: NonNull<u8>,
    /// A bit for each unit.
    taken: AtomicU64,
}

// SAFETY: the memory belongs to whoever took a block of it; the word that says so is atomic.
unsafe impl Send for Arena {}
// SAFETY: as above; nothing in it is changed but that word.
unsafe impl Sync for Arena {}

/// A part of it with one owner; free again when dropped.
#[derive(Debug)]
pub(super) struct Block {
    arena: Arc<Arena>,
    units: u64,
}

impl Arena {
    /// Takes memory from the system, zeroed.
    ///
    /// # Errors
    /// When the system has none.
    pub(super) fn new() -> io::Result<Arena> {
        let len = NonZeroUsize::new(BYTES).expect("not empty");
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address the kernel chooses.
        let base = unsafe { mmap_anonymous(None, len, prot, MapFlags::MAP_PRIVATE)? };
        let arena = Arena { base: base.cast(), taken: AtomicU64::new(0) };
        // SAFETY: the mapping just made; what a child process would have of it nobody needs.
        unsafe { madvise(base, BYTES, MmapAdvise::MADV_DONTFORK)? };
        Ok(arena)
    }

    /// All of it, as the kernel is shown it.
    pub(super) fn extent(&self) -> libc::iovec {
        libc::iovec { iov_base: self.base.as_ptr().cast(), iov_len: BYTES }
    }

    /// A part of `bytes`, a power of two of [`UNIT`]s, while there is one.
    pub(super) fn take(self: &Arc<Arena>, bytes: usize) -> Option<(Block, NonNull<u8>)> {
        let count = bytes / UNIT;
        let first = self.reserve(count)?;
        let block = Block { arena: Arc::clone(self), units: mask(first, count) };
        // SAFETY: a unit of the mapping.
        let base = unsafe { self.base.add(first * UNIT) };
        Some((block, base))
    }

    /// Marks `count` units next to each other; the number of the first.
    fn reserve(&self, count: usize) -> Option<usize> {
        let mut found = None;
        let search = |taken: u64| {
            let places = (0..UNITS).step_by(count.max(1));
            found = places.into_iter().find(|&first| taken & mask(first, count) == 0);
            found.map(|first| taken | mask(first, count))
        };
        self.taken.fetch_update(Ordering::Acquire, Ordering::Relaxed, search).ok()?;
        found
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: its own mapping, of which no block is left. What the kernel holds stays with it.
        let _ = unsafe { munmap(self.base.cast(), BYTES) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.arena.taken.fetch_and(!self.units, Ordering::Release);
    }
}

/// `count` bits from `first` on, within the word.
fn mask(first: usize, count: usize) -> u64 {
    let low =
        1u64.checked_shl(u32::try_from(count).unwrap_or(u32::MAX)).map_or(u64::MAX, |b| b - 1);
    low << first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Blocks never overlap, lie within the memory, and all of it is free in the end.
        #[test]
        fn blocks_do_not_overlap(steps in prop::collection::vec((0u32..5, any::<bool>(), 0usize..64), 0..200)) {
            let arena = Arc::new(Arena::new().unwrap());
            let start = arena.base.as_ptr() as usize;
            let mut held: Vec<(Block, usize, usize)> = Vec::new();
            for (class, take, pick) in steps {
                if take {
                    let bytes = UNIT << class;
                    let used: usize = held.iter().map(|(.., bytes)| bytes).sum();
                    if let Some((block, base)) = arena.take(bytes) {
                        let at = base.as_ptr() as usize - start;
                        prop_assert!(at + bytes <= BYTES && at.is_multiple_of(bytes));
                        prop_assert!(held.iter().all(|&(_, other, len)| at + bytes <= other || other + len <= at));
                        held.push((block, at, bytes));
                    } else {
                        prop_assert!(used > 0);
                        prop_assert!(bytes > UNIT || used == BYTES);
                    }
                } else if !held.is_empty() {
                    held.swap_remove(pick % held.len());
                }
            }
            held.clear();
            prop_assert_eq!(arena.taken.load(Ordering::Relaxed), 0);
        }
    }
}
