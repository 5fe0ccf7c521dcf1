//! A value that the whole program shares, used by one function at a time.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// Holds a value once there is one. A guest has one processor and no interrupts: only a
/// panic in the middle of a use can ask for the value again, and does not get it.
pub(crate) struct Lone<T> {
    value: UnsafeCell<Option<T>>,
    in_use: AtomicBool,
}

// SAFETY: `in_use` lets one user at a time reach the value.
unsafe impl<T: Send> Sync for Lone<T> {}

impl<T> Lone<T> {
    pub(crate) const fn new() -> Self {
        Self { value: UnsafeCell::new(None), in_use: AtomicBool::new(false) }
    }

    /// Puts a value in, or none; the one that was there is gone.
    pub(crate) fn set(&self, value: Option<T>) {
        self.enter(|place| *place = value);
    }

    /// Uses the value; `None` when there is none or it is being used.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.enter(|place| place.as_mut().map(work)).flatten()
    }

    fn enter<R>(&self, work: impl FnOnce(&mut Option<T>) -> R) -> Option<R> {
        if self.in_use.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: `in_use` was false, so nobody else has a reference.
        let result = work(unsafe { &mut *self.value.get() });
        self.in_use.store(false, Ordering::Release);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_user_at_a_time() {
        static LONE: Lone<u32> = Lone::new();
        assert_eq!(LONE.with(|n| *n), None);
        LONE.set(Some(1));
        let inner = LONE.with(|n| {
            *n += 1;
            LONE.with(|n| *n)
        });
        assert_eq!(inner, Some(None));
        assert_eq!(LONE.with(|n| *n), Some(2));
    }
}
