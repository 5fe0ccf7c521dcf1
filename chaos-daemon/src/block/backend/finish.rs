//! Requests that are over: data handed out, answers noted.

use nix::errno::Errno;
use noxs::block::status;

use super::ordered::Next;
use super::{BlockBackend, Host, Kind};
use crate::block::buffer::Buffer;
use crate::block::engine::Completion;
use crate::block::piece::Piece;
use crate::block::request::Refusal;
use crate::shard::Fault;

/// Data that was read and is still to be handed out.
pub(super) struct Filled {
    number: u32,
    buffer: Buffer,
}

impl BlockBackend {
    /// Looks at what is over, and goes on with a flush or barrier that it was in the way of.
    pub(super) fn settle(&mut self, host: &mut Host<'_>, filled: &mut Vec<Filled>) {
        for completion in std::mem::take(&mut self.completions) {
            self.settle_one(host, completion, filled);
        }
        if self.may_flush()
            && let Some(ordered) = &mut self.ordered
        {
            let next = ordered.next(&mut self.dirty);
            self.follow(host, next);
        }
    }

    fn settle_one(
        &mut self,
        host: &mut Host<'_>,
        completion: Completion,
        filled: &mut Vec<Filled>,
    ) {
        let Completion { token, outcome, buffer } = completion;
        let number = token.request;
        let Some(kind) = self.window.get_mut(number).map(|open| open.kind) else { return };
        match (kind, outcome, buffer) {
            (Kind::Read, Ok(()), Some(buffer)) => filled.push(Filled { number, buffer }),
            (Kind::Ordered, outcome, buffer) => self.ordered_went_on(host, outcome, buffer),
            (kind, outcome, buffer) => {
                if let (Kind::Change, Ok(()), Some(buffer)) = (kind, outcome, &buffer) {
                    self.stats.bytes_written += buffer.bytes().len() as u64;
                }
                let status = self.status_of(outcome);
                self.close(number, status);
                buffer.into_iter().for_each(|buffer| host.io.buffers().give(buffer));
            }
        }
    }

    fn ordered_went_on(
        &mut self,
        host: &mut Host<'_>,
        outcome: Result<(), Errno>,
        buffer: Option<Buffer>,
    ) {
        if let Some(buffer) = buffer {
            self.stats.bytes_written +=
                if outcome.is_ok() { buffer.bytes().len() as u64 } else { 0 };
            host.io.buffers().give(buffer);
        }
        let Some(ordered) = &mut self.ordered else { return };
        let next = match outcome {
            Ok(()) => ordered.next(&mut self.dirty),
            Err(_) => {
                self.dirty = true;
                Next::Over(self.status_of(outcome))
            }
        };
        self.follow(host, next);
    }

    fn follow(&mut self, host: &mut Host<'_>, next: Next) {
        let Some(number) = self.ordered.as_ref().map(|ordered| ordered.number) else { return };
        match next {
            Next::Do(work) => self.job(host, number, work),
            Next::Over(status) => self.close(number, status),
        }
    }

    /// Copies out what was read. True when there was something.
    pub(super) fn deliver(
        &mut self,
        host: &mut Host<'_>,
        filled: Vec<Filled>,
    ) -> Result<bool, Fault> {
        if filled.is_empty() {
            return Ok(false);
        }
        let copied = self.copy_data_out(host, &filled)?;
        for (Filled { number, buffer }, copied) in filled.into_iter().zip(copied) {
            if copied {
                self.stats.bytes_read += buffer.bytes().len() as u64;
                self.close(number, status::OKAY);
            } else {
                self.fail_grant(number);
            }
            host.io.buffers().give(buffer);
        }
        Ok(true)
    }

    fn copy_data_out(
        &mut self,
        host: &mut Host<'_>,
        filled: &[Filled],
    ) -> Result<Vec<bool>, Fault> {
        let mut copied = vec![true; filled.len()];
        let (mut pieces, mut whose) = (Vec::new(), Vec::new());
        for (index, Filled { number, buffer }) in filled.iter().enumerate() {
            let mut rest = buffer.bytes();
            for part in self.window.get_mut(*number).into_iter().flat_map(|open| &open.parts) {
                let (here, later) = rest.split_at(part.len.into());
                pieces.push(Piece::to_guest(part.grant, part.offset, here));
                whose.push(index);
                rest = later;
            }
        }
        (host.copy)(&mut pieces)?;
        for (piece, index) in pieces.iter().zip(whose) {
            copied[index] &= piece.copied;
        }
        Ok(copied)
    }

    /// The request makes no sense, or is not the guest's to ask.
    pub(super) fn refuse(&mut self, number: u32, refusal: Refusal) {
        tracing::debug!(disk = %self.disk.path().display(), %refusal, "request refused");
        self.stats.refused += 1;
        self.close(number, refusal.status());
    }

    /// The guest does not grant what the request names.
    pub(super) fn fail_grant(&mut self, number: u32) {
        self.stats.bad_grants += 1;
        self.close(number, status::ERROR);
    }

    pub(super) fn close(&mut self, number: u32, status: i16) {
        let Some(open) = self.window.close(number, status) else { return };
        self.memory -= open.memory;
        self.changing -= u32::from(open.kind == Kind::Change);
        if open.kind == Kind::Ordered {
            self.ordered = None;
        }
    }

    fn status_of(&mut self, outcome: Result<(), Errno>) -> i16 {
        let Err(errno) = outcome else { return status::OKAY };
        self.stats.errors += 1;
        // A guest can cause as many as it likes: few of them are worth a line.
        if self.stats.errors.is_power_of_two() {
            let (disk, errors) = (self.disk.path().display(), self.stats.errors);
            tracing::warn!(%disk, %errno, errors, "disk I/O failed");
        }
        if errno == Errno::EOPNOTSUPP { status::NOT_SUPPORTED } else { status::ERROR }
    }
}
