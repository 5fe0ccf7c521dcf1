//! Memory of the image that has one user, who gets it once.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in a `static`, given to the first who asks.
pub struct StaticCell<T> {
    value: UnsafeCell<T>,
    taken: AtomicBool,
}

// SAFETY: the value is reached only through the one reference that `take` gives.
unsafe impl<T: Send> Sync for StaticCell<T> {}

impl<T> StaticCell<T> {
    /// Holds `value` until somebody takes it.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), taken: AtomicBool::new(false) }
    }

    /// The value; `None` when somebody has it already.
    #[must_use]
    #[allow(clippy::mut_from_ref)] // Given once.
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: `taken` lets only one caller get here.
        Some(unsafe { &mut *self.value.get() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_given_once() {
        static CELL: StaticCell<[u8; 2]> = StaticCell::new([1, 2]);
        assert_eq!(CELL.take(), Some(&mut [1, 2]));
        assert_eq!(CELL.take(), None);
    }
}
