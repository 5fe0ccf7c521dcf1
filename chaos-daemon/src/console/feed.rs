//! Where a guest's output goes and its input comes from: what its shard, the writing
//! thread, viewers and the writer share. Two guests share none of it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast};

use super::input::{Taken, Writer};
use super::viewer::{Chunk, Viewer};
use super::writer::Job;
use crate::logfile::LogFile;
use crate::mailbox::Mailbox;
use crate::switch::bucket::Bucket;

/// Bytes of input that wait for the guest at most.
pub(super) const MOST_INPUT: usize = 4096;

/// Chunks that a viewer may be behind before it loses some; a chunk has 2 KiB at most.
const BEHIND: usize = 256;

/// One guest's console, apart from its ring.
#[derive(Clone)]
pub struct Sink(Arc<Inner>);

struct Inner {
    /// Held while the log is written or looked at. Before `state`, never after it.
    file: Mutex<LogFile>,
    state: Mutex<State>,
    /// There is room for input again.
    room: Notify,
    jobs: Mailbox<Job>,
    /// Bytes per second the guest may print, and at once.
    limit: (u64, u64),
}

#[derive(Default)]
struct State {
    /// Printed, and not in the log yet.
    unwritten: Vec<u8>,
    /// Whether the writing thread has been told.
    queued: bool,
    /// Bytes printed since this program began.
    printed: u64,
    /// Bytes of them that have been logged, or could not be.
    settled: u64,
    /// Present while there are viewers.
    live: Option<broadcast::Sender<Chunk>>,
    input: VecDeque<u8>,
    has_writer: bool,
    closed: bool,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}

impl Sink {
    pub(super) fn new(file: LogFile, rate: u64, burst: u64, jobs: Mailbox<Job>) -> Sink {
        let (file, state) = (Mutex::new(file), Mutex::default());
        Sink(Arc::new(Inner { file, state, room: Notify::new(), jobs, limit: (rate, burst) }))
    }

    /// How fast the guest may print.
    pub(super) fn rate(&self, now: Instant) -> Bucket {
        Bucket::new(self.0.limit.0, self.0.limit.1, now)
    }

    /// Takes what the guest printed; returns how much it has printed in all.
    pub(super) fn print(&self, bytes: &[u8]) -> u64 {
        let mut state = self.0.state.lock();
        state.show(bytes);
        state.unwritten.extend_from_slice(bytes);
        if !std::mem::replace(&mut state.queued, true) {
            // Without its thread nothing is logged, but the guest goes on.
            self.0.jobs.put(Job::Write(self.clone()));
        }
        state.printed
    }

    /// Bytes printed that are not in the log yet.
    pub(super) fn unwritten(&self) -> u64 {
        let state = self.0.state.lock();
        state.printed - state.settled
    }

    /// How much of what the guest printed needs to be kept by it no longer.
    pub(super) fn settled(&self) -> u64 {
        self.0.state.lock().settled
    }

    /// Writes to the log what waits for it.
    pub(super) fn write(&self) {
        let file = self.0.file.lock();
        let bytes = {
            let mut state = self.0.state.lock();
            state.queued = false;
            std::mem::take(&mut state.unwritten)
        };
        if bytes.is_empty() {
            return;
        }
        if let Err(e) = file.append(&bytes) {
            tracing::warn!("{} bytes of a console are not logged: {e}", bytes.len());
        }
        self.0.state.lock().settled += bytes.len() as u64;
    }

    /// Takes input for the guest, as far as it fits into `to`.
    pub(super) fn take_input(&self, to: &mut [u8]) -> usize {
        let state = self.0.state.lock();
        let n = state.input.len().min(to.len());
        for (to, from) in to.iter_mut().zip(&state.input) {
            *to = *from;
        }
        n
    }

    /// Drops the first `n` bytes of the input: the guest has them.
    pub(super) fn typed(&self, n: usize) {
        if n > 0 {
            let mut state = self.0.state.lock();
            let n = n.min(state.input.len());
            state.input.drain(..n);
            if state.input.is_empty() {
                state.input = VecDeque::new();
            }
            drop(state);
            self.0.room.notify_one();
        }
    }

    /// Adds a viewer: it sees what the log has, and then all that the guest prints.
    /// Blocks on files.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn view(&self) -> io::Result<Viewer> {
        let file = self.0.file.lock();
        let log = file.snapshot()?;
        // Nobody writes the log now: what is not in it is here.
        let mut state = self.0.state.lock();
        let (rest, from) = (state.unwritten.clone(), state.printed);
        let live = state.subscribe();
        drop((state, file));
        let mut backlog = log.read()?;
        backlog.extend(rest);
        Ok(Viewer::new(backlog, from, live))
    }

    /// How many watch.
    pub fn viewers(&self) -> usize {
        self.0.state.lock().live.as_ref().map_or(0, broadcast::Sender::receiver_count)
    }

    /// What the log has. Blocks on files.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn log(&self) -> io::Result<Vec<u8>> {
        let file = self.0.file.lock();
        let log = file.snapshot()?;
        let rest = self.0.state.lock().unwritten.clone();
        drop(file);
        let mut all = log.read()?;
        all.extend(rest);
        Ok(all)
    }

    /// Takes the one seat from which can be typed.
    ///
    /// # Errors
    /// [`Taken`]: somebody sits there.
    pub fn writer(&self) -> Result<Writer, Taken> {
        match std::mem::replace(&mut self.0.state.lock().has_writer, true) {
            true => Err(Taken),
            false => Ok(Writer::new(self.clone())),
        }
    }

    pub(super) fn push_input(&self, bytes: &[u8]) -> usize {
        let mut state = self.0.state.lock();
        let room = MOST_INPUT - state.input.len().min(MOST_INPUT);
        let n = room.min(bytes.len());
        state.input.extend(&bytes[..n]);
        n
    }

    /// Waits until input fits. Never once the guest is gone.
    pub(super) async fn room(&self) {
        loop {
            let room = self.0.room.notified();
            if self.0.state.lock().input.len() < MOST_INPUT {
                return;
            }
            room.await;
        }
    }

    pub(super) fn free_seat(&self) {
        self.0.state.lock().has_writer = false;
    }

    /// Ends all viewers when they have seen everything.
    pub(super) fn close(&self) {
        let mut state = self.0.state.lock();
        (state.closed, state.live) = (true, None);
    }

    /// Removes the log.
    pub(super) fn remove(&self) {
        self.0.file.lock().remove();
    }
}

impl State {
    /// Counts what was printed and shows it to the viewers.
    fn show(&mut self, bytes: &[u8]) {
        let start = self.printed;
        self.printed += bytes.len() as u64;
        if let Some(live) = &self.live
            && live.send(Chunk { start, bytes: Bytes::copy_from_slice(bytes) }).is_err()
        {
            self.live = None;
        }
    }

    /// `None`: the guest is gone, nothing will come.
    fn subscribe(&mut self) -> Option<broadcast::Receiver<Chunk>> {
        if self.closed {
            return None;
        }
        let live = self.live.get_or_insert_with(|| broadcast::Sender::new(BEHIND));
        Some(live.subscribe())
    }
}
