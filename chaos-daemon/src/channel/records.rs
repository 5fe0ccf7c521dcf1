//! What a guest has put into its log.

use std::time::Instant;

use noxs::layout::LOG_SIZE;
use noxs::log::{HEADER, MAX_TEXT};

use super::Channel;
use crate::log::Book;

/// Records the log can have. Those that come while they are taken wait for the guest to
/// ring again, as it does after each.
const MOST: usize = LOG_SIZE / HEADER;

impl Channel {
    /// Takes the records that are there.
    pub fn take_records(&mut self, book: &Book, now: Instant) {
        let mut text = [0; MAX_TEXT];
        for _ in 0..MOST {
            let Some(record) = self.next_record(&mut text) else { break };
            book.record(&record, &text[..record.len], now);
        }
        self.release_log();
        book.guest_dropped(self.dropped_records());
    }
}
