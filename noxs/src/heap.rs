//! Memory for tests: what two sides share, within one process.

use std::boxed::Box;
use std::cell::UnsafeCell;
use std::ops::Deref;
use std::ptr::NonNull;
use std::vec;

use crate::RawShared;

#[repr(C, align(4096))]
struct Page(UnsafeCell<[u8; 4096]>);

/// Zeroed pages, shared by references to this value.
pub(crate) struct Heap {
    shared: RawShared,
    _pages: Box<[Page]>,
}

impl Heap {
    pub(crate) fn new(pages: usize) -> Heap {
        let pages: Box<[Page]> =
            vec![0; pages].iter().map(|_| Page(UnsafeCell::new([0; 4096]))).collect();
        let base = NonNull::new(pages.as_ptr().cast_mut().cast()).unwrap();
        // SAFETY: the pages live as long as the value and are only reached through it.
        let shared = unsafe { RawShared::new(base, pages.len() * 4096) };
        Heap { shared, _pages: pages }
    }
}

impl Deref for Heap {
    type Target = RawShared;

    fn deref(&self) -> &RawShared {
        &self.shared
    }
}
