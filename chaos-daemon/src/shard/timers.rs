//! What a shard does later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use lightvm::xen::Port;

use super::{DeviceId, GuestId};

/// Something to do at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// Let a port of a guest fire again.
    Unmask(GuestId, Port),
    /// Give a guest a turn.
    Turn(GuestId),
    /// Give a device a turn.
    Serve(DeviceId),
}

/// What has to be done later, earliest first. Bounded by its users: a port that is
/// masked cannot fire, and a device waits for one moment only.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    count: u64,
}

/// Ordered by time, then by age.
#[derive(Debug)]
struct Entry {
    at: Instant,
    number: u64,
    what: Later,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Timers {
    /// Has `what` done at `at`.
    pub(super) fn add(&mut self, at: Instant, what: Later) {
        self.count += 1;
        self.heap.push(Reverse(Entry { at, number: self.count, what }));
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes what is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Later> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.what)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_nothing_else() {
        let start = Instant::now();
        let device = |slot| DeviceId { guest: GuestId { index: 0, epoch: 0 }, slot };
        let mut timers = Timers::default();
        for (ms, slot) in [(3, 3), (1, 1), (2, 2), (1, 4), (9, 9)] {
            timers.add(start + Duration::from_millis(ms), Later::Serve(device(slot)));
        }
        let now = start + Duration::from_millis(3);
        let due: Vec<_> = std::iter::from_fn(|| timers.due(now)).collect();
        assert_eq!(due, [1, 4, 2, 3].map(|slot| Later::Serve(device(slot))));
        assert_eq!(timers.next(), Some(start + Duration::from_millis(9)));
    }
}
