//! Log records: structured lines that the host keeps and forwards, see `docs/noxs.md`.

use crate::channel::{Channel, Severity};
use crate::{Clock, ring};
use core::fmt::{self, Write};
use noxs::layout as at;

/// Bytes before a record's text: length, severity, flags, time.
const HEAD: usize = 12;
/// Bytes of text a record has at most; more is cut off.
const TEXT: usize = 200;
const SIZE: u32 = 1024;
const _: () = assert!(SIZE as usize == at::LOG_SIZE);

/// Text of limited length; what does not fit is cut off.
struct Text {
    bytes: [u8; HEAD + TEXT],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.length + character.len_utf8();
            if end > self.bytes.len() {
                break;
            }
            character.encode_utf8(&mut self.bytes[self.length..end]);
            self.length = end;
        }
        Ok(())
    }
}

impl Channel {
    /// Writes a record. One that finds no room is dropped and counted.
    pub fn log(self, severity: Severity, text: fmt::Arguments<'_>) {
        let record = record(severity, Clock::new(self.boot()).now(), text);
        let bytes = &record.bytes[..record.length];
        let page = self.page();
        let produced = page.load(at::LOG_PRODUCED);
        let room = ring::room(SIZE, produced, page.load(at::LOG_CONSUMED)) as usize;
        if bytes.len() > room {
            page.store(at::LOG_DROPPED, page.load(at::LOG_DROPPED).wrapping_add(1));
            return;
        }
        let mut position = produced;
        for &byte in bytes {
            page.store_byte(at::LOG + ring::index(SIZE, position), byte);
            position = position.wrapping_add(1);
        }
        page.store(at::LOG_PRODUCED, position);
        self.ring_log();
    }
}

/// A whole record, padded to a multiple of four.
fn record(severity: Severity, time: u64, text: fmt::Arguments<'_>) -> Text {
    let mut record = Text { bytes: [0; HEAD + TEXT], length: HEAD };
    // Text of limited length has no errors.
    let _ = record.write_fmt(text);
    let length = u16::try_from(record.length).unwrap_or(u16::MAX);
    record.bytes[..2].copy_from_slice(&length.next_multiple_of(4).to_le_bytes());
    record.bytes[2] = severity as u8;
    record.bytes[4..12].copy_from_slice(&time.to_le_bytes());
    record.length = record.length.next_multiple_of(4);
    record
}
