//! The PV console: a ring in a page shared with the host, Xen `public/io/console.h`.
//!
//! The host's position is read once per use; one that makes no sense is a full ring.

use crate::info::BootInfo;
use crate::shared::SharedPage;
use crate::{Port, bare, hooks, ring};
use core::fmt;

const IN: usize = 0;
const IN_SIZE: u32 = 1024;
const IN_CONSUMED: usize = 3072;
const IN_PRODUCED: usize = 3076;
const OUT: usize = 1024;
const OUT_SIZE: u32 = 2048;
const OUT_CONSUMED: usize = 3080;
const OUT_PRODUCED: usize = 3084;

/// The guest's side of its PV console.
pub struct Console {
    page: SharedPage,
    port: Port,
    boot: BootInfo,
}

impl Console {
    /// Opens the console; `None` where the toolstack gave the guest none.
    #[must_use]
    pub fn open(boot: BootInfo) -> Option<Self> {
        Some(Self { page: bare::console(boot)?, port: Port::console(boot)?, boot })
    }

    /// Writes all bytes, asleep while the ring is full until the host reads on.
    pub fn write(&mut self, mut bytes: &[u8]) {
        loop {
            bytes = &bytes[self.push(bytes)..];
            if bytes.is_empty() {
                return;
            }
            hooks::wait_console(self.boot, self.port, &|| self.room() > 0);
        }
    }

    /// Writes what fits now and returns how many bytes that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let produced = self.page.load(OUT_PRODUCED);
        let room = self.room();
        let mut position = produced;
        for &byte in bytes.iter().take(room) {
            self.page.store_byte(OUT + ring::index(OUT_SIZE, position), byte);
            position = position.wrapping_add(1);
        }
        if position != produced {
            self.page.store(OUT_PRODUCED, position);
            hooks::ring_console(self.port);
        }
        bytes.len().min(room)
    }

    /// Reads what has been typed; returns how many bytes that was. Sleep with
    /// [`Channel::sleep`](crate::Channel::sleep) or [`event::wait`](crate::event::wait) when
    /// it was none.
    pub fn read(&mut self, into: &mut [u8]) -> usize {
        let (produced, consumed) = (self.page.load(IN_PRODUCED), self.page.load(IN_CONSUMED));
        let there = ring::held(IN_SIZE, produced, consumed) as usize;
        let length = there.min(into.len());
        let mut position = consumed;
        for byte in &mut into[..length] {
            *byte = self.page.load_byte(IN + ring::index(IN_SIZE, position));
            position = position.wrapping_add(1);
        }
        if position != consumed {
            self.page.store(IN_CONSUMED, position);
            hooks::ring_console(self.port);
        }
        length
    }

    fn room(&self) -> usize {
        let produced = self.page.load(OUT_PRODUCED);
        ring::room(OUT_SIZE, produced, self.page.load(OUT_CONSUMED)) as usize
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
