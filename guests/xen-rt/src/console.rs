//! The PV console: a ring in a page shared with the host, Xen `public/io/console.h`.
//!
//! The page is never borrowed: bytes are written through volatile accesses,
//! positions through atomic ones, and the host's position is read once per use.

use crate::hvm::{self, Parameter};
use crate::info::{BootInfo, Flavour};
use crate::paging::{self, PAGE_SIZE};
use crate::ring;
use crate::{Port, event};
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

const OUT: usize = 1024;
const OUT_SIZE: u32 = 2048;
const OUT_CONSUMED: usize = 3080;
const OUT_PRODUCED: usize = 3084;

/// The guest's side of its PV console, for output.
pub struct Console {
    page: *mut u8,
    port: Port,
    boot: BootInfo,
}

impl Console {
    /// Opens the console; `None` where the toolstack gave the guest none.
    #[must_use]
    pub fn open(boot: BootInfo) -> Option<Self> {
        let pfn = match boot.flavour() {
            Flavour::Pvh => hvm::parameter(Parameter::ConsolePfn)?,
            Flavour::Pv => boot.pv_console()?.pfn,
        };
        let size = PAGE_SIZE as u64;
        let page = paging::map(boot, pfn.checked_mul(size)?, size)?;
        Some(Self { page, port: Port::console(boot)?, boot })
    }

    /// Writes all bytes, asleep while the ring is full until the host reads on.
    pub fn write(&mut self, mut bytes: &[u8]) {
        loop {
            bytes = &bytes[self.push(bytes)..];
            if bytes.is_empty() {
                return;
            }
            event::wait(self.boot, self.port);
        }
    }

    /// Writes what fits now and returns how many bytes that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let produced = self.position(OUT_PRODUCED).load(Ordering::Relaxed);
        // Acquire: the host has read a byte before its place is written again.
        let consumed = self.position(OUT_CONSUMED).load(Ordering::Acquire);
        let room = ring::room(OUT_SIZE, produced, consumed) as usize;
        let mut position = produced;
        for &byte in bytes.iter().take(room) {
            self.put(position, byte);
            position = position.wrapping_add(1);
        }
        if position != produced {
            // Release: the bytes are there before the host sees the new position.
            self.position(OUT_PRODUCED).store(position, Ordering::Release);
            event::send(self.port);
        }
        bytes.len().min(room)
    }

    fn put(&mut self, position: u32, byte: u8) {
        let offset = OUT + ring::index(OUT_SIZE, position);
        // SAFETY: `ring::index` stays below OUT_SIZE, so the offset is inside the page.
        let slot = unsafe { self.page.add(offset) };
        // SAFETY: the console page stays mapped and writable for the guest's life.
        unsafe { slot.write_volatile(byte) };
    }

    fn position(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: both offsets used lie inside the page.
        let address = unsafe { self.page.add(offset) }.cast::<u32>();
        // SAFETY: the page is aligned and stays mapped; the positions are accessed as
        // atomics only, by both sides.
        unsafe { AtomicU32::from_ptr(address) }
    }
}

/// Text goes out with a carriage return before each line feed, as terminals want.
impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => {
                    self.write(line.as_bytes());
                    self.write(b"\r\n");
                }
                None => self.write(line.as_bytes()),
            }
        }
        Ok(())
    }
}
