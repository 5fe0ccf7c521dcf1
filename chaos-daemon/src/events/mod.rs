//! What happens, numbered and kept for a while, for whoever wants to know.
//!
//! Numbers go on over restarts of the daemon: they are reserved on tmpfs many at a time, and the next
//! daemon begins behind what was reserved. So a reader sees a gap there, as it should: nobody knows
//! what a killed daemon had still told.

mod guest;
mod numbers;
mod reader;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lightvm::api::{Event, Happened};
use parking_lot::Mutex;
use tokio::sync::watch;

pub use guest::{made, of, watch_reports};
pub use reader::Reader;

use numbers::Numbers;

/// Events that are kept.
const KEPT: usize = 8192;

/// The daemon's events.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<Ring>,
    /// Number of the last one.
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    numbers: Numbers,
    /// Numbered without gaps.
    kept: VecDeque<Event>,
}

impl Events {
    /// None yet, with numbers behind those that daemons before this one reserved in the file at
    /// `path`.
    ///
    /// # Errors
    /// Those of reading and writing the file.
    pub fn open(path: &Path) -> io::Result<Events> {
        let numbers = Numbers::open(path.to_owned())?;
        let last = watch::Sender::new(numbers.last());
        Ok(Events { ring: Mutex::new(Ring { numbers, kept: VecDeque::new() }), last })
    }

    /// Tells what happened. Waits for nobody.
    pub fn tell(&self, what: Happened) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut ring = self.ring.lock();
        let seq = ring.numbers.next();
        if ring.kept.len() == KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(Event { seq, time_ms, what });
        // Under the lock: the last number only grows.
        self.last.send_replace(seq);
    }
}

#[cfg(test)]
mod tests;
