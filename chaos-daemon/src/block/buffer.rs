//! Memory that data passes through between a guest and a disk: page-aligned, in
//! powers of two, recycled, and bounded for a whole shard.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::arena::{Arena, Block, UNIT};

/// Smallest buffer and alignment of all of them, in bytes; enough for `O_DIRECT`.
pub const SMALLEST: usize = 4096;
/// Largest buffer in bytes: the largest request that is ever accepted.
pub const LARGEST: usize = SMALLEST << (CLASSES - 1);

const CLASSES: usize = 9;
/// What a pool keeps for the next request, in bytes; the rest goes back to the allocator.
const KEEP: usize = 2 << 20;

/// Page-aligned memory with one owner. Its size is charged to its pool until it is dropped.
pub struct Buffer {
    base: NonNull<u8>,
    len: usize,
    class: Class,
    /// Where the memory is from, if io_uring knows it.
    registered: Option<Block>,
    charge: Arc<AtomicUsize>,
}

// SAFETY: the memory belongs to this value alone and has no thread affinity.
unsafe impl Send for Buffer {}

impl Buffer {
    /// The content, `len` bytes as asked of [`Pool::take`] or set by [`Buffer::truncate`].
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `base` is valid and initialised for the class's size, which `len`
        // never exceeds, and nobody else has it.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    /// As [`Buffer::bytes`], to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `&mut self` makes it the only access.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// Makes the content shorter; longer lengths than the present one change nothing.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Whether the memory was registered with io_uring ([`Pool::register`]).
    pub(super) fn is_registered(&self) -> bool {
        self.registered.is_some()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {})", self.len, self.class.bytes())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.registered.is_none() {
            // SAFETY: allocated in `Pool::take_ordinary` with the layout of the same class.
            unsafe { dealloc(self.base.as_ptr(), self.class.layout()) };
        }
        self.charge.fetch_sub(self.class.bytes(), Ordering::Relaxed);
    }
}

/// Buffers of one shard. What it has given out and what it keeps together stay under its limit.
#[derive(Debug)]
pub struct Pool {
    free: [Vec<Buffer>; CLASSES],
    kept: usize,
    charge: Arc<AtomicUsize>,
    limit: usize,
    registered: Option<Arc<Arena>>,
}

impl Pool {
    /// A pool of at most `limit` bytes, which takes no memory yet.
    pub fn new(limit: usize) -> Pool {
        let free = std::array::from_fn(|_| Vec::new());
        Pool { free, kept: 0, charge: Arc::default(), limit, registered: None }
    }

    /// Has large buffers be of this memory, which the shard's io_uring knows, while it lasts.
    pub(super) fn register(&mut self, arena: Arc<Arena>) {
        self.registered = Some(arena);
    }

    /// A buffer of `len` bytes with any content. `None` when the limit is reached, or
    /// when `len` exceeds [`LARGEST`].
    pub fn take(&mut self, len: usize) -> Option<Buffer> {
        let class = Class::of(len)?;
        let mut buffer = match self.take_registered(class) {
            Some(registered) => registered,
            None => self.take_ordinary(class)?,
        };
        buffer.len = len;
        Some(buffer)
    }

    /// Takes a buffer back for later use.
    pub fn give(&mut self, buffer: Buffer) {
        let bytes = buffer.class.bytes();
        if !buffer.is_registered() && self.kept + bytes <= KEEP {
            self.kept += bytes;
            self.free[buffer.class.index()].push(buffer);
        }
    }

    /// Bytes of memory in buffers, given out or kept.
    pub fn used(&self) -> usize {
        self.charge.load(Ordering::Relaxed)
    }

    fn take_ordinary(&mut self, class: Class) -> Option<Buffer> {
        if let Some(kept) = self.free[class.index()].pop() {
            self.kept -= class.bytes();
            return Some(kept);
        }
        self.make_room(class)?;
        // SAFETY: the layout's size is never zero.
        let base = NonNull::new(unsafe { alloc_zeroed(class.layout()) })?;
        Some(self.charged(base, class, None))
    }

    fn take_registered(&mut self, class: Class) -> Option<Buffer> {
        let arena = self.registered.clone().filter(|_| class.bytes() >= UNIT)?;
        self.make_room(class)?;
        let (block, base) = arena.take(class.bytes())?;
        Some(self.charged(base, class, Some(block)))
    }

    fn charged(&self, base: NonNull<u8>, class: Class, registered: Option<Block>) -> Buffer {
        self.charge.fetch_add(class.bytes(), Ordering::Relaxed);
        Buffer { base, len: 0, class, registered, charge: Arc::clone(&self.charge) }
    }

    /// `None` when the limit does not allow another of this size.
    fn make_room(&mut self, class: Class) -> Option<()> {
        if self.used() + class.bytes() > self.limit {
            self.forget_kept();
        }
        (self.used() + class.bytes() <= self.limit).then_some(())
    }

    fn forget_kept(&mut self) {
        self.free.iter_mut().for_each(Vec::clear);
        self.kept = 0;
    }
}

/// A size: `SMALLEST` times two to the power of this.
#[derive(Clone, Copy, Debug)]
struct Class(u8);

impl Class {
    fn of(len: usize) -> Option<Class> {
        let doublings = len.max(1).div_ceil(SMALLEST).next_power_of_two().trailing_zeros();
        let class = u8::try_from(doublings).ok()?;
        (usize::from(class) < CLASSES).then_some(Class(class))
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }

    fn bytes(self) -> usize {
        SMALLEST << self.0
    }

    fn layout(self) -> Layout {
        Layout::from_size_align(self.bytes(), SMALLEST).expect("powers of two")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up_to_powers_of_two_pages() {
        let sizes = |len| Class::of(len).map(Class::bytes);
        assert_eq!(sizes(0), Some(4096));
        assert_eq!(sizes(4096), Some(4096));
        assert_eq!(sizes(4097), Some(8192));
        assert_eq!(sizes(11 * 4096), Some(65536));
        assert_eq!(sizes(LARGEST), Some(1 << 20));
        assert_eq!(sizes(LARGEST + 1), None);
        assert_eq!(sizes(usize::MAX), None);
    }

    #[test]
    fn the_limit_holds_and_kept_buffers_make_room() {
        let mut pool = Pool::new(3 * 4096);
        let held: Vec<_> = (0..3).map(|_| pool.take(512).unwrap()).collect();
        assert!(pool.take(1).is_none());
        held.into_iter().for_each(|buffer| pool.give(buffer));
        assert_eq!(pool.used(), 3 * 4096);
        let large = pool.take(8192).unwrap();
        assert_eq!((large.bytes().len(), pool.used()), (8192, 8192));
        drop(large);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn buffers_are_aligned_and_as_long_as_asked() {
        let mut pool = Pool::new(1 << 20);
        let mut buffer = pool.take(5000).unwrap();
        buffer.bytes_mut().fill(7);
        assert_eq!(buffer.bytes().as_ptr().align_offset(SMALLEST), 0);
        buffer.truncate(6000);
        assert_eq!(buffer.bytes().len(), 5000);
        buffer.truncate(512);
        assert_eq!(buffer.bytes(), [7; 512]);
        pool.give(buffer);
        assert_eq!(pool.take(4097).unwrap().bytes().len(), 4097);
    }
}
