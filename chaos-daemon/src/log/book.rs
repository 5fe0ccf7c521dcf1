//! One guest's records.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lightvm::api::{LogRecord, LogRecords};
use noxs::log::{Record, Severity};
use parking_lot::Mutex;
use uuid::Uuid;

use super::entry::{Entry, clean};
use super::options::Options;
use super::service::WAITING;
use crate::mailbox::Mailbox;
use crate::switch::bucket::Bucket;

/// Where a guest's shard puts the guest's records.
#[derive(Clone)]
pub struct Book(Arc<Inner>);

struct Inner {
    guest: Uuid,
    name: Arc<str>,
    options: Options,
    out: Mailbox<Option<Entry>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rate: Option<Bucket>,
    kept: VecDeque<LogRecord>,
    seq: u64,
    /// Records that were lost on the way out.
    dropped: u64,
    /// Those of them that nobody has been told of.
    untold: u64,
    /// Records that were kept and are no longer.
    forgotten: u64,
    /// What the guest said last about records it dropped itself.
    guest_dropped: u32,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Book {
    pub(super) fn new(
        guest: Uuid,
        name: &str,
        options: &Options,
        out: Mailbox<Option<Entry>>,
    ) -> Book {
        let (name, options, state) = (name.into(), options.clone(), Mutex::default());
        Book(Arc::new(Inner { guest, name, options, out, state }))
    }

    /// Takes a record; `text` is its text.
    pub fn record(&self, record: &Record, text: &[u8], now: Instant) {
        let mut state = self.0.state.lock();
        let options = &self.0.options;
        let rate = state.rate.get_or_insert_with(|| Bucket::new(options.rate, options.burst, now));
        if !rate.take(1, now) {
            state.seq += 1;
            state.drop_records(1);
            return;
        }
        self.tell_dropped(&mut state, record.time_ns);
        let text = clean(text, record.cut);
        self.put(&mut state, record.severity, record.time_ns, text);
    }

    /// Learns how many records the guest has dropped for want of room, as it counts.
    pub fn guest_dropped(&self, count: u32) {
        let mut state = self.0.state.lock();
        let more = count.wrapping_sub(std::mem::replace(&mut state.guest_dropped, count));
        state.drop_records(more.into());
    }

    fn tell_dropped(&self, state: &mut State, time_ns: u64) {
        if state.untold > 0 {
            let text = format!("{} records of this guest were dropped", state.untold);
            state.untold = 0;
            self.put(state, Severity::Warning, time_ns, text);
        }
    }

    fn put(&self, state: &mut State, severity: Severity, time_ns: u64, text: String) {
        let (seq, severity, received_ms) = (state.seq, severity as u8, now_ms());
        state.seq += 1;
        let record = LogRecord { seq, time_ns, received_ms, severity, text };
        state.keep(record.clone(), self.0.options.keep);
        let entry = Entry { guest: self.0.guest, name: Arc::clone(&self.0.name), record };
        if !self.0.out.put_within(WAITING, Some(entry)) {
            state.drop_records(1);
        }
    }

    /// Records the guest wrote, and those of them that found no room.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.0.state.lock();
        (state.seq, state.dropped)
    }

    /// The records that are kept, oldest first.
    pub fn records(&self) -> LogRecords {
        let state = self.0.state.lock();
        let records = state.kept.iter().cloned().collect();
        LogRecords { records, dropped: state.dropped.saturating_add(state.forgotten) }
    }
}

impl State {
    fn drop_records(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
        self.untold = self.untold.saturating_add(count);
    }

    fn keep(&mut self, record: LogRecord, most: usize) {
        self.kept.push_back(record);
        while self.kept.len() > most {
            self.kept.pop_front();
            self.forgotten += 1;
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
