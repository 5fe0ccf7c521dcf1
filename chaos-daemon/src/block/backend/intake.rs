//! Requests out of the ring: refused, held back, or given what they need to start.

use noxs::block::{Request, status};

use super::batch::Draft;
use super::budget::Budget;
use super::ordered::Ordered;
use super::{BlockBackend, Held, Host, Kind, Open, Wait};
use crate::block::buffer::Buffer;
use crate::block::engine::Work;
use crate::block::request::{Command, Order, Parts, Range, Refusal, Transfer};
use crate::shard::Fault;

/// Bytes of a page of names.
const PAGE: usize = 4096;

/// What became of a request.
enum Admission {
    /// It starts with the batch.
    Batch(Box<Draft>),
    /// It has started, or is over.
    Taken,
    /// Not now.
    Later(Wait),
}

impl BlockBackend {
    /// Takes requests as long as they can start. All of a batch are in the window.
    pub(super) fn intake(
        &mut self,
        host: &mut Host<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<Draft>, Fault> {
        let mut batch = Vec::new();
        while !budget.is_used_up() && !self.is_held_back() {
            let held = self.held.take().map(|held| held.request);
            let Some(request) = held.map_or_else(|| self.ring.next_request(), |r| Ok(Some(r)))?
            else {
                break;
            };
            match self.admit(&request, host) {
                Admission::Batch(draft) => {
                    budget.spend(draft.buffer.bytes().len());
                    batch.push(*draft);
                }
                Admission::Taken => budget.spend(0),
                Admission::Later(reason) => {
                    self.held = Some(Held { request, reason });
                    break;
                }
            }
        }
        Ok(batch)
    }

    fn is_held_back(&mut self) -> bool {
        self.alone |= !self.disk.is_changing();
        !self.alone || self.ordered.as_ref().is_some_and(Ordered::holds_others)
    }

    fn admit(&mut self, request: &Request, host: &mut Host<'_>) -> Admission {
        let command = match Command::of(request, self.bounds) {
            Ok(command) => command,
            Err(refusal) => return self.refuse_at_once(request, refusal),
        };
        if let Some(at) = self.limit.wait(host.now) {
            self.stats.throttled += u64::from(self.held.is_none());
            return Admission::Later(Wait::Rate(at));
        }
        match command {
            Command::Transfer(transfer) => self.admit_transfer(request, transfer, host),
            Command::Flush => self.admit_flush(request, host),
            Command::Discard(range) => {
                self.stats.discards += 1;
                let number = self.open(request, Kind::Change, 0);
                self.limit.spend(host.now, 0);
                match range {
                    // No file system knows an empty hole.
                    Range { len: 0, .. } => self.close(number, status::OKAY),
                    Range { offset, len } => self.job(host, number, Work::Punch { offset, len }),
                }
                Admission::Taken
            }
        }
    }

    fn admit_flush(&mut self, request: &Request, host: &Host<'_>) -> Admission {
        if self.ordered.is_some() {
            return Admission::Later(Wait::Work);
        }
        self.stats.flushes += 1;
        self.limit.spend(host.now, 0);
        let number = self.open(request, Kind::Ordered, 0);
        self.ordered = Some(Ordered::flush(number));
        Admission::Taken
    }

    fn admit_transfer(
        &mut self,
        request: &Request,
        transfer: Transfer,
        host: &mut Host<'_>,
    ) -> Admission {
        if transfer.order != Order::Free && self.ordered.is_some() {
            return Admission::Later(Wait::Work);
        }
        let bytes = transfer.parts.most_bytes();
        let (buffer, names) = match self.memory_for(&transfer.parts, bytes, host) {
            Ok(memory) => memory,
            Err(wait) => return Admission::Later(wait),
        };
        self.limit.spend(host.now, bytes as u64);
        let kind = match (transfer.order, transfer.write) {
            (Order::Free, false) => Kind::Read,
            (Order::Free, true) => Kind::Change,
            (Order::AfterFlush | Order::Barrier, _) => Kind::Ordered,
        };
        let number = self.open(request, kind, bytes);
        self.count(&transfer, number);
        Admission::Batch(Box::new(Draft { number, transfer, buffer, names }))
    }

    fn count(&mut self, transfer: &Transfer, number: u32) {
        match transfer.write {
            true => self.stats.writes += 1,
            false => self.stats.reads += 1,
        }
        if transfer.order != Order::Free {
            self.stats.flushes += 1;
            self.ordered = Some(Ordered::with_data(number, transfer.order == Order::Barrier));
        }
    }

    /// Memory for the data and, where they are needed, for names.
    fn memory_for(
        &self,
        parts: &Parts,
        bytes: usize,
        host: &mut Host<'_>,
    ) -> Result<(Buffer, Option<Buffer>), Wait> {
        if self.memory > 0 && self.memory + bytes > self.most_memory {
            return Err(Wait::Work);
        }
        let pool = host.io.buffers();
        let buffer = pool.take(bytes).ok_or(Wait::Memory)?;
        if !matches!(parts, Parts::Named { .. }) {
            return Ok((buffer, None));
        }
        match pool.take(PAGE) {
            Some(names) => Ok((buffer, Some(names))),
            None => {
                pool.give(buffer);
                Err(Wait::Memory)
            }
        }
    }

    fn open(&mut self, request: &Request, kind: Kind, memory: usize) -> u32 {
        self.memory += memory;
        self.changing += u32::from(kind == Kind::Change);
        let open = Open { kind, memory, parts: Vec::new() };
        self.window.open(request.id, request.answered_operation(), open)
    }

    fn refuse_at_once(&mut self, request: &Request, refusal: Refusal) -> Admission {
        let open = Open { kind: Kind::Read, memory: 0, parts: Vec::new() };
        let number = self.window.open(request.id, request.answered_operation(), open);
        self.refuse(number, refusal);
        Admission::Taken
    }
}
