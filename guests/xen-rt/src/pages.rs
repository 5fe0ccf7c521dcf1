//! Pages of the image's own memory for buffers that another domain reads or writes.

use crate::cell::StaticCell;
use crate::paging::PAGE_SIZE;

/// A page of bytes.
#[repr(C, align(4096))]
struct Bytes([u8; PAGE_SIZE]);

/// `N` pages set aside in the image; a `static`, taken once by who uses them.
pub struct StaticPages<const N: usize>(StaticCell<[Bytes; N]>);

impl<const N: usize> StaticPages<N> {
    /// Pages full of zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self(StaticCell::new([const { Bytes([0; PAGE_SIZE]) }; N]))
    }

    /// The pages; `None` when somebody has them already.
    #[must_use]
    pub fn take(&'static self) -> Option<Pages> {
        let pages = self.0.take()?;
        Some(Pages { first: pages.as_mut_ptr().cast(), count: N })
    }
}

impl<const N: usize> Default for StaticPages<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A run of pages that nobody else in this guest has.
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

    /// The bytes of `count` pages from page `index` on.
    ///
    /// # Panics
    /// When there are not that many.
    ///
    /// # Safety
    /// While the slice is used nobody may write to these pages: they are not granted, or the
    /// other side has answered the request that named them and was given no other.
    #[must_use]
    pub unsafe fn bytes(&mut self, index: usize, count: usize) -> &mut [u8] {
        assert!(index <= self.count && count <= self.count - index, "no such page");
        let first = self.first.wrapping_add(index * PAGE_SIZE);
        // SAFETY: pages of the image, there for good, reached through `self` only; that the
        // other side leaves them alone is the caller's obligation.
        unsafe { core::slice::from_raw_parts_mut(first, count * PAGE_SIZE) }
    }

    /// The first `count` pages, and the others.
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

    #[test]
    #[should_panic(expected = "no such page")]
    fn there_are_no_more_pages_than_there_are() {
        static PAGES: StaticPages<3> = StaticPages::new();
        let mut pages = PAGES.take().expect("the first to ask");
        // SAFETY: nobody else knows the pages.
        let _ = unsafe { pages.bytes(2, 2) };
    }
}
