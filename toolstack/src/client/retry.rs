//! Making a request again, more and more patiently, until it is time to give up.

use std::thread::sleep;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(100);

/// The pauses between tries.
#[derive(Debug)]
pub(super) struct Retries {
    endurance: Duration,
    /// Since the first failure.
    since: Option<Instant>,
    next: Duration,
}

impl Retries {
    pub(super) fn new(endurance: Duration) -> Retries {
        Retries { endurance, since: None, next: FIRST }
    }

    /// Waits before the next try; answers whether there is to be one.
    pub(super) fn pause(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.endurance.saturating_sub(since.elapsed());
        if left.is_zero() {
            return false;
        }
        sleep(self.next.min(left));
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}
