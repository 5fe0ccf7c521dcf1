//! The host's end of one disk's ring: takes requests, moves their data, answers in order.
//!
//! A turn works on as many requests as its budget allows. What they need is done for all of
//! them together: one copy of the pages of names, one of the data to be written, one of the
//! data that was read.

mod attach;
mod batch;
mod budget;
mod finish;
mod intake;
mod ordered;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lightvm::api::DeviceStats;
use lightvm::xen::GrantMapping;
use noxs::block::Request;

pub use attach::{Abi, BlockOptions};
use budget::Budget;
use ordered::Ordered;

use super::Disk;
use super::disk::View;
use super::engine::{Completion, Engine, Job, Token, Work};
use super::limit::Limit;
use super::piece::{self, Copy, Piece};
use super::request::{Bounds, Part};
use super::ring::Ring;
use super::stats::BlockStats;
use super::window::Window;
use crate::kept::Kept;
use crate::shard::{Context, DeviceId, Fault, Redo, Turn};

/// When to look again for memory that other disks use up, and for changes that are not over.
const RETRY: Duration = Duration::from_millis(1);

/// The host's end of one disk.
pub struct BlockBackend {
    ring: Ring,
    /// Which connection this is, of all there ever were.
    connection: u64,
    /// Whether changes of a former connection are over.
    alone: bool,
    disk: Arc<Disk>,
    /// Stretches of it that large reads of this turn were in, and of the last one before.
    views: Vec<View>,
    /// The guest's pages that are mapped, where it keeps them granted.
    kept: Kept<GrantMapping>,
    /// Whether it does.
    keeps: bool,
    bounds: Bounds,
    window: Window<Open>,
    /// Read from the ring, but has to wait.
    held: Option<Held>,
    /// Not looked at yet; no more than the window has.
    completions: Vec<Completion>,
    /// The flush or barrier at work.
    ordered: Option<Ordered>,
    /// Writes and discards at work.
    changing: u32,
    /// Whether something was written since the last flush began.
    dirty: bool,
    /// Bytes of memory of requests at work, and what they may be.
    memory: usize,
    most_memory: usize,
    limit: Limit,
    stats: BlockStats,
}

/// A request at work.
#[derive(Debug)]
struct Open {
    kind: Kind,
    /// Bytes of memory it takes, at most.
    memory: usize,
    /// Where the data of a read goes.
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    /// Also discards.
    Change,
    /// A flush or barrier.
    Ordered,
}

/// A request that cannot start yet.
#[derive(Debug)]
struct Held {
    request: Request,
    reason: Wait,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Requests at work: their ends give this disk a turn.
    Work,
    /// Memory of the shard.
    Memory,
    /// The rate limit.
    Rate(Instant),
}

/// What a turn works with.
pub(super) struct Host<'a> {
    pub(super) io: &'a mut Engine,
    pub(super) copy: &'a mut Copy<'a>,
    pub(super) redo: &'a Redo,
    pub(super) device: DeviceId,
    pub(super) now: Instant,
}

impl BlockBackend {
    /// Takes the guest's requests, and answers those that are done.
    ///
    /// # Errors
    /// [`Fault`]: the disk is to be disconnected.
    pub fn service(&mut self, context: &mut Context<'_>) -> Result<Turn, Fault> {
        let guest = (context.grants, context.domain, context.now);
        let mut kept = std::mem::replace(&mut self.kept, Kept::new(0));
        let mut copy = |pieces: &mut [Piece<'_>]| piece::copy_with(&mut kept, guest, pieces);
        let (device, now) = (context.device, context.now);
        let (io, redo) = (&mut *context.io, context.redo);
        let mut host = Host { io, copy: &mut copy, redo, device, now };
        let turn = self.turn(&mut host);
        self.kept = kept;
        let (turn, notify) = turn?;
        if notify {
            context.bell.ring();
        }
        Ok(turn)
    }

    /// Takes note of the end of a job; the next turn answers it.
    pub fn completed(&mut self, completion: Completion) {
        if completion.token.connection == self.connection {
            self.completions.push(completion);
        }
    }

    /// What it has done.
    pub fn block_stats(&self) -> BlockStats {
        BlockStats { in_flight: self.window.unanswered(), ..self.stats }
    }

    /// What it has done, as every device tells it.
    pub fn stats(&self) -> DeviceStats {
        self.block_stats().into()
    }

    /// A turn without the notification; whether the guest wants one.
    pub(super) fn turn(&mut self, host: &mut Host<'_>) -> Result<(Turn, bool), Fault> {
        let (mut budget, mut filled) = (Budget::new(), Vec::new());
        loop {
            self.settle(host, &mut filled);
            let batch = self.intake(host, &mut budget)?;
            self.start(host, batch, &mut filled)?;
            if self.completions.is_empty() && !self.may_flush() {
                break;
            }
        }
        let delivered = self.deliver(host, filled)?;
        let notify = self.ring.answer(host.redo, || self.window.answer());
        Ok((self.end(host, delivered)?, notify))
    }

    /// What the shard has to know before it sleeps.
    fn end(&mut self, host: &Host<'_>, delivered: bool) -> Result<Turn, Fault> {
        if !self.alone {
            return Ok(Turn { again: false, wake: Some(host.now + RETRY) });
        }
        match &self.held {
            // Answers have made room since.
            Some(Held { reason: Wait::Work | Wait::Memory, .. }) if delivered => Ok(Turn::AGAIN),
            Some(Held { reason: Wait::Work, .. }) => Ok(Turn::DONE),
            Some(Held { reason: Wait::Memory, .. }) => {
                Ok(Turn { again: false, wake: Some(host.now + RETRY) })
            }
            Some(Held { reason: Wait::Rate(at), .. }) => Ok(Turn { again: false, wake: Some(*at) }),
            // The flush at work gives a turn when it is over.
            None if self.ordered.as_ref().is_some_and(Ordered::holds_others) => Ok(Turn::DONE),
            // Also when the budget is used up: nobody tells of the next request otherwise.
            None => Ok(Turn { again: self.ring.final_check()?, wake: None }),
        }
    }

    /// Whether a flush or barrier has nothing to wait for any more.
    fn may_flush(&self) -> bool {
        self.changing == 0 && self.ordered.as_ref().is_some_and(Ordered::is_draining)
    }

    /// Has the engine work for a request; what is over at once is to be settled.
    fn job(&mut self, host: &mut Host<'_>, number: u32, work: Work) {
        let token = Token { device: host.device, connection: self.connection, request: number };
        let job = Job::new(token, Arc::clone(&self.disk), work);
        self.completions.extend(host.io.start(job));
    }
}

#[cfg(test)]
mod tests;
