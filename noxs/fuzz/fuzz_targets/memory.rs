//! A page of this process that stands for a guest's.

use noxs::{RawShared, SharedMemory};
use std::ptr::NonNull;

/// The page and what it lives in.
pub struct Page {
    shared: RawShared,
    _words: Box<[u64]>,
}

impl Page {
    /// A page that begins with `bytes`.
    pub fn new(bytes: &[u8]) -> Page {
        let mut words = vec![0; 512].into_boxed_slice();
        let base = NonNull::from(words.as_mut()).cast();
        // SAFETY: the words live as long as the value and are reached through it alone.
        let shared = unsafe { RawShared::new(base, 4096) };
        shared.write(0, &bytes[..bytes.len().min(4096)]);
        Page { shared, _words: words }
    }
}

impl std::ops::Deref for Page {
    type Target = RawShared;

    fn deref(&self) -> &RawShared {
        &self.shared
    }
}
