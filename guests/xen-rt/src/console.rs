//! The PV console: a ring in a page shared with the host, Xen `public/io/console.h`.
//!
//! The host's position is read once per use; one that makes no sense is a full ring.

use crate::bell::Bell;
use crate::info::BootInfo;
use crate::shared::SharedPage;
use crate::{Port, bare, event, ring};
use core::fmt;

const OUT: usize = 1024;
const OUT_SIZE: u32 = 2048;
const OUT_CONSUMED: usize = 3080;
const OUT_PRODUCED: usize = 3084;

/// The guest's side of its PV console, for output.
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
            event::wait(self.boot, self.port);
        }
    }

    /// Writes what fits now and returns how many bytes that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let produced = self.page.load(OUT_PRODUCED);
        let room = ring::room(OUT_SIZE, produced, self.page.load(OUT_CONSUMED)) as usize;
        let mut position = produced;
        for &byte in bytes.iter().take(room) {
            self.page.store_byte(OUT + ring::index(OUT_SIZE, position), byte);
            position = position.wrapping_add(1);
        }
        if position != produced {
            self.page.store(OUT_PRODUCED, position);
            event::send(self.port);
        }
        bytes.len().min(room)
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
