//! Memory shared with a guest.

use std::sync::atomic::Ordering;

use lightvm::xen::ForeignMapping;

/// Access without references: either side may write at any moment. Every method panics
/// outside the memory; words are at multiples of 4.
pub trait SharedMemory {
    /// Copies bytes at `offset` out.
    fn read(&self, offset: usize, out: &mut [u8]);
    /// Copies `bytes` to `offset`.
    fn write(&self, offset: usize, bytes: &[u8]);
    /// Reads the word at `offset` once.
    fn load(&self, offset: usize, order: Ordering) -> u32;
    /// Writes the word at `offset`.
    fn store(&self, offset: usize, value: u32, order: Ordering);
}

impl SharedMemory for ForeignMapping {
    fn read(&self, offset: usize, out: &mut [u8]) {
        self.read(offset, out);
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
}
