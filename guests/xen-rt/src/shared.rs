//! Pages shared with the host or with Xen.
//!
//! The other side may change any byte at any time, so nothing here is ever borrowed:
//! every access is one volatile or atomic operation on a raw pointer. Values read
//! are a peer's claims; callers check them before use.

use crate::paging::PAGE_SIZE;
use core::arch::asm;
use core::sync::atomic::{Ordering, fence};

/// A page that someone else reads and writes too.
pub struct SharedPage(*mut u8);

impl SharedPage {
    /// Takes over the page at `address`.
    ///
    /// # Safety
    /// The page must be aligned, mapped and writable for the rest of the guest's life,
    /// and accessed through `SharedPage`s only.
    #[must_use]
    pub const unsafe fn new(address: *mut u8) -> Self {
        Self(address)
    }

    /// Reads a 32-bit word; what the peer wrote before it wrote the word is visible after.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    #[must_use]
    pub fn load(&self, offset: usize) -> u32 {
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        let value = unsafe { self.word::<u32>(offset).read_volatile() };
        fence(Ordering::Acquire);
        value
    }

    /// Writes a 32-bit word after everything written before it.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    pub fn store(&self, offset: usize, value: u32) {
        fence(Ordering::Release);
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        unsafe { self.word::<u32>(offset).write_volatile(value) }
    }

    /// Reads one byte.
    ///
    /// # Panics
    /// When `offset` is not inside the page.
    #[must_use]
    pub fn load_byte(&self, offset: usize) -> u8 {
        // SAFETY: `word` checked the bounds; the page is mapped (`new`).
        unsafe { self.word::<u8>(offset).read_volatile() }
    }

    /// Writes one byte.
    ///
    /// # Panics
    /// When `offset` is not inside the page.
    pub fn store_byte(&self, offset: usize, value: u8) {
        // SAFETY: `word` checked the bounds; the page is mapped (`new`).
        unsafe { self.word::<u8>(offset).write_volatile(value) }
    }

    /// Reads a 16-bit word; what the peer wrote before it wrote the word is visible after.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    #[must_use]
    pub fn load_half(&self, offset: usize) -> u16 {
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        let value = unsafe { self.word::<u16>(offset).read_volatile() };
        fence(Ordering::Acquire);
        value
    }

    /// Writes a 16-bit word after everything written before it.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    pub fn store_half(&self, offset: usize, value: u16) {
        fence(Ordering::Release);
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        unsafe { self.word::<u16>(offset).write_volatile(value) }
    }

    /// Atomically puts `new` into the 16-bit word at `offset` if it holds `old`, and returns
    /// what it held.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    pub fn exchange_half(&self, offset: usize, old: u16, new: u16) -> u16 {
        let word = self.word::<u16>(offset);
        let held;
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        unsafe {
            asm!(
                "lock cmpxchg [{word}], {new:x}",
                word = in(reg) word, new = in(reg) new, inout("ax") old => held,
                options(nostack),
            );
        }
        held
    }

    /// Atomically clears bit `bit` of the 64-bit word at `offset`.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page, or has no such bit.
    pub fn clear_bit(&self, offset: usize, bit: u32) {
        assert!(bit < 64, "a word has 64 bits");
        let word = self.word::<u64>(offset);
        let others = !(1_u64 << bit);
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        unsafe { asm!("lock and [{}], {}", in(reg) word, in(reg) others, options(nostack)) }
    }

    /// Atomically sets `bits` in the 32-bit word at `offset`.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    pub fn set_bits(&self, offset: usize, bits: u32) {
        let word = self.word::<u32>(offset);
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        unsafe { asm!("lock or [{}], {:e}", in(reg) word, in(reg) bits, options(nostack)) }
    }

    /// Atomically writes a 32-bit word and returns what it was; nothing moves across it.
    ///
    /// # Panics
    /// When the word is not aligned and inside the page.
    pub fn swap(&self, offset: usize, value: u32) -> u32 {
        let word = self.word::<u32>(offset);
        let old;
        // SAFETY: `word` checked alignment and bounds; the page is mapped (`new`).
        unsafe { asm!("xchg [{}], {:e}", in(reg) word, inout(reg) value => old, options(nostack)) }
        old
    }

    /// Copies bytes out of the page.
    ///
    /// # Panics
    /// When they are not all inside the page.
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        assert!(to.len() <= PAGE_SIZE && offset <= PAGE_SIZE - to.len(), "beyond a shared page");
        for (index, byte) in to.iter_mut().enumerate() {
            // SAFETY: inside the page, as checked above; the page is mapped (`new`).
            *byte = unsafe { self.0.wrapping_add(offset + index).read_volatile() };
        }
    }

    /// Copies bytes into the page.
    ///
    /// # Panics
    /// When they do not all fit into the page.
    pub fn write(&self, offset: usize, from: &[u8]) {
        assert!(
            from.len() <= PAGE_SIZE && offset <= PAGE_SIZE - from.len(),
            "beyond a shared page"
        );
        for (index, &byte) in from.iter().enumerate() {
            // SAFETY: inside the page, as checked above; the page is mapped (`new`).
            unsafe { self.0.wrapping_add(offset + index).write_volatile(byte) };
        }
    }

    /// The page's address.
    #[must_use]
    pub fn address(&self) -> usize {
        self.0.addr()
    }

    fn word<T>(&self, offset: usize) -> *mut T {
        assert!(offset.is_multiple_of(size_of::<T>()), "unaligned access to a shared page");
        assert!(offset < PAGE_SIZE, "access beyond a shared page");
        self.0.wrapping_add(offset).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(4096))]
    struct Backing([u8; PAGE_SIZE]);

    fn on(backing: &mut Backing) -> SharedPage {
        // SAFETY: the tests let nobody else touch the page while the value lives.
        unsafe { SharedPage::new(backing.0.as_mut_ptr()) }
    }

    #[test]
    fn words_are_where_they_were_put() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let page = on(&mut backing);
        page.store(4092, 0x0403_0201);
        page.store_byte(0, 9);
        assert_eq!(page.load(4092), 0x0403_0201);
        assert_eq!(page.load(0), 9);
        assert_eq!(backing.0[4092..], [1, 2, 3, 4]);
    }

    #[test]
    fn bytes_and_bits_go_where_they_belong() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let page = on(&mut backing);
        page.write(4093, b"end");
        page.set_bits(8, 0x8000_0001);
        page.set_bits(8, 2);
        let mut end = [0; 4];
        page.read(4092, &mut end);
        assert_eq!(&end, b"\0end");
        assert_eq!(page.load(8), 0x8000_0003);
    }

    #[test]
    fn clearing_a_bit_leaves_the_others() {
        let mut backing = Backing([0xff; PAGE_SIZE]);
        on(&mut backing).clear_bit(8, 63);
        assert_eq!(backing.0[15], 0x7f);
        assert_eq!(backing.0[16], 0xff);
    }

    #[test]
    fn an_exchange_needs_the_old_value() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let page = on(&mut backing);
        page.store_half(6, 7);
        assert_eq!(page.exchange_half(6, 8, 9), 7);
        assert_eq!(page.load_half(6), 7);
        assert_eq!(page.exchange_half(6, 7, 9), 7);
        assert_eq!(page.load_half(6), 9);
        assert_eq!(page.load(8), 0);
    }

    #[test]
    #[should_panic(expected = "beyond")]
    fn the_page_ends_where_it_ends() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let _ = on(&mut backing).load(PAGE_SIZE);
    }
}
