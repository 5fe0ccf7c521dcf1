//! Pages of the image's own memory, handed out once: buffers for the other side.

use crate::paging::PAGE_SIZE;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// `N` pages set aside in the image; a `static`, taken once by who uses them.
#[repr(C, align(4096))]
pub struct StaticPages<const N: usize> {
    bytes: UnsafeCell<[[u8; PAGE_SIZE]; N]>,
    // In a page of its own: the pages before must not be shared with anything.
    taken: AtomicBool,
}

// SAFETY: the bytes are reached only through the one `Pages` that `take` gives.
unsafe impl<const N: usize> Sync for StaticPages<N> {}

impl<const N: usize> StaticPages<N> {
    /// Pages full of zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: UnsafeCell::new([[0; PAGE_SIZE]; N]), taken: AtomicBool::new(false) }
    }

    /// The pages; `None` when somebody has them already.
    #[must_use]
    pub fn take(&'static self) -> Option<Pages> {
        let first = self.bytes.get().cast();
        (!self.taken.swap(true, Ordering::Relaxed)).then_some(Pages { first, count: N })
    }
}

impl<const N: usize> Default for StaticPages<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A run of pages that nobody else has.
pub struct Pages {
    first: *mut u8,
    count: usize,
}

impl Pages {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The address of page `index`.
    ///
    /// # Panics
    /// When there is no such page.
    #[must_use]
    pub fn address(&self, index: usize) -> *mut u8 {
        assert!(index < self.count, "no such page");
        self.first.wrapping_add(index * PAGE_SIZE)
    }

    /// The bytes of page `index`.
    ///
    /// # Panics
    /// When there is no such page.
    ///
    /// # Safety
    /// While the slice is used nobody may write to the page: it is not granted, or the other
    /// side has answered the request that named it.
    #[must_use]
    pub unsafe fn bytes(&mut self, index: usize) -> &mut [u8; PAGE_SIZE] {
        let page = self.address(index).cast();
        // SAFETY: a whole page, in the image for good, reached through `self` only; that the
        // other side leaves it alone is the caller's obligation.
        unsafe { &mut *page }
    }

    /// Splits off the first `count` pages.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn split(self, count: usize) -> (Pages, Pages) {
        assert!(count <= self.count, "no such page");
        let rest = self.first.wrapping_add(count * PAGE_SIZE);
        (Pages { first: self.first, count }, Pages { first: rest, count: self.count - count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_given_once_and_split_in_two() {
        static PAGES: StaticPages<3> = StaticPages::new();
        let pages = PAGES.take().expect("the first to ask");
        assert!(PAGES.take().is_none());
        let base = pages.address(0).addr();
        assert!(base.is_multiple_of(PAGE_SIZE));
        let (one, two) = pages.split(1);
        assert_eq!((one.count(), two.count()), (1, 2));
        assert_eq!(two.address(1).addr(), base + 2 * PAGE_SIZE);
    }
}
