//! Reading events, each at its own pace.

use std::sync::Arc;

use lightvm::api::{Event, Happened};
use tokio::sync::watch;

use super::Events;

/// Events that are taken at a time.
const BATCH: usize = 256;

/// A reader of events. It delays nobody: what it is too slow for is a gap.
#[derive(Debug)]
pub struct Reader {
    events: Arc<Events>,
    last: watch::Receiver<u64>,
    /// The last number it knows; none when it wants to be told.
    after: Option<u64>,
}

impl Reader {
    /// A reader of what comes behind number `after`; without one, of what comes from now on.
    #[must_use]
    pub fn new(events: &Arc<Events>, after: Option<u64>) -> Reader {
        Reader { events: Arc::clone(events), last: events.last.subscribe(), after }
    }

    /// What there is to read, at most a batch; nothing when it has read everything.
    pub fn read(&mut self) -> Vec<Event> {
        let ring = self.events.ring.lock();
        let last = ring.numbers.last();
        let oldest = ring.kept.front().map_or(last + 1, |event| event.seq);
        let mark = |seq, what| Event { seq, time_ms: 0, what };
        let Some(after) = self.after else {
            self.after = Some(last);
            return vec![mark(last, Happened::Begin)];
        };
        let mut batch = Vec::new();
        let from = if after > last {
            batch.push(mark(oldest - 1, Happened::Gap { first: oldest, last: oldest - 1 }));
            oldest
        } else if after + 1 < oldest {
            let gap = Happened::Gap { first: after + 1, last: oldest - 1 };
            batch.push(mark(oldest - 1, gap));
            oldest
        } else {
            after + 1
        };
        let skip = usize::try_from(from - oldest).unwrap_or(usize::MAX);
        batch.extend(ring.kept.iter().skip(skip).take(BATCH).cloned());
        if let Some(event) = batch.last() {
            self.after = Some(event.seq);
        }
        batch
    }

    /// Waits until there may be something to read.
    pub async fn wait(&mut self) {
        let after = self.after;
        let fresh = |last: &u64| after.is_none_or(|after| *last > after);
        // The sender lives as long as `events`.
        let _ = self.last.wait_for(fresh).await;
    }
}
