//! The host's end of a console's ring.

use std::time::{Duration, Instant};

use lightvm::api::DeviceStats;
use noxs::console::{Back, OUT_SIZE};
use noxs::ring::RingError;

use super::feed::Sink;
use crate::shard::{Context, Fault, Pages, Turn};
use crate::switch::bucket::Bucket;

/// When to look again whether the log has what the guest printed.
const SETTLE: Duration = Duration::from_millis(1);

/// The host's end of one guest's console.
pub struct ConsoleBackend {
    ring: Back<Pages>,
    sink: Sink,
    rate: Bucket,
    /// Handed to the sink while the ring still has it: how much was printed by then.
    unsettled: Option<u64>,
    stats: DeviceStats,
}

impl ConsoleBackend {
    /// Takes up the console whose ring is on `page`. What an earlier back end had not
    /// finished with is taken again.
    pub fn attach(page: Pages, sink: Sink) -> Self {
        let rate = sink.rate(Instant::now());
        let stats = DeviceStats::default();
        ConsoleBackend { ring: Back::attach(page), sink, rate, unsettled: None, stats }
    }

    /// Moves what the guest printed to the sink and input to the guest.
    ///
    /// # Errors
    /// [`Fault`]: the guest's positions cannot be.
    pub fn service(&mut self, context: &mut Context<'_>) -> Result<Turn, Fault> {
        let (turn, ring) = self.turn(context.now)?;
        if ring {
            context.bell.ring();
        }
        Ok(turn)
    }

    /// As [`ConsoleBackend::service`]; the other answer is whether the guest has to look.
    ///
    /// # Errors
    /// As [`ConsoleBackend::service`].
    pub fn turn(&mut self, now: Instant) -> Result<(Turn, bool), Fault> {
        let typed = self.type_input()?;
        let released = self.release(now);
        let wake = match self.unsettled {
            Some(_) => Some(self.look_at(now)),
            None => self.print(now)?,
        };
        Ok((Turn { again: false, wake }, typed || released))
    }

    /// Gives the guest the room of what is settled, once it may print again: with a full ring it
    /// waits, and calls for nothing. True when that was something.
    fn release(&mut self, now: Instant) -> bool {
        let settled = self.unsettled.is_some_and(|printed| self.sink.settled() >= printed);
        (settled && self.rate.ready(now)) && self.let_go()
    }

    fn let_go(&mut self) -> bool {
        self.unsettled = None;
        self.ring.release()
    }

    /// When there may be something to release.
    fn look_at(&mut self, now: Instant) -> Instant {
        self.rate.ready_at(now).max(now + SETTLE)
    }

    /// Takes what the guest printed; answers when to look again.
    fn print(&mut self, now: Instant) -> Result<Option<Instant>, Fault> {
        if self.ring.waiting().map_err(fault)? == 0 {
            return Ok(None);
        }
        let mut bytes = [0; OUT_SIZE as usize];
        let n = self.ring.read(&mut bytes).map_err(fault)?;
        self.rate.spend(n as u64);
        self.stats.out_bytes += n as u64;
        self.stats.throttled += u64::from(!self.rate.ready(now));
        self.unsettled = Some(self.sink.print(&bytes[..n]));
        Ok(Some(self.look_at(now)))
    }

    /// Hands the guest its input; true when there was any.
    fn type_input(&mut self) -> Result<bool, Fault> {
        let mut bytes = [0; 256];
        let mut typed = false;
        loop {
            let n = self.sink.take_input(&mut bytes);
            if n == 0 {
                return Ok(typed);
            }
            let taken = self.ring.write(&bytes[..n]).map_err(fault)?;
            self.sink.typed(taken);
            self.stats.in_bytes += taken as u64;
            typed |= taken > 0;
            if taken < bytes.len() {
                return Ok(typed);
            }
        }
    }

    /// What went through it.
    pub fn stats(&self) -> DeviceStats {
        self.stats
    }
}

/// What was handed over is settled here and now, so that a successor does not take it
/// again.
impl Drop for ConsoleBackend {
    fn drop(&mut self) {
        if self.unsettled.is_some() {
            self.sink.write();
            let _ = self.let_go();
        }
    }
}

fn fault(RingError { produced, consumed, size }: RingError) -> Fault {
    Fault::Ring { producer: produced, consumer: consumed, size }
}
