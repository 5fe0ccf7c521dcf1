//! Requests that are over: data handed out, answers noted.

use nix::errno::Errno;
use noxs::block::status;

use super::ordered::Next;
use super::{BlockBackend, Host, Kind};
use crate::block::buffer::Buffer;
use crate::block::engine::Completion;
use crate::block::piece::Piece;
use crate::block::request::{Part, Refusal};
use crate::shard::Fault;

/// Data that was read and is still to be handed out.
pub(super) struct Filled {
    number: u32,
    data: Data,
}

/// Where it is.
enum Data {
    /// In our memory.
    Copied(Buffer),
    /// In the page cache: its address in the disk's view, and bytes.
    InPlace(*const u8, usize),
}

impl Filled {
    pub(super) fn in_place(number: u32, from: *const u8, len: usize) -> Filled {
        Filled { number, data: Data::InPlace(from, len) }
    }

    fn is_in_place(&self) -> bool {
        matches!(self.data, Data::InPlace(..))
    }

    fn len(&self) -> usize {
        match &self.data {
            Data::Copied(buffer) => buffer.bytes().len(),
            Data::InPlace(_, len) => *len,
        }
    }

    /// The `len` bytes from `at` on, as a piece of the guest's page.
    fn piece(&self, part: Part, at: usize) -> Piece<'_> {
        let Part { grant, offset, len } = part;
        let len = usize::from(len);
        match &self.data {
            Data::Copied(buffer) => Piece::to_guest(grant, offset, &buffer.bytes()[at..at + len]),
            Data::InPlace(from, _) => {
                Piece::unseen_to_guest(grant, offset, from.wrapping_add(at), len)
            }
        }
    }
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
            (Kind::Read, Ok(()), Some(buffer)) => {
                filled.push(Filled { number, data: Data::Copied(buffer) });
            }
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
        let any = !filled.is_empty();
        let (in_place, copied): (Vec<_>, Vec<_>) =
            filled.into_iter().partition(Filled::is_in_place);
        if !in_place.is_empty() {
            match self.copy_data_out(host, &in_place) {
                Ok(copied) => self.delivered(host, in_place, &copied),
                // The file was cut short since it was looked at: nothing is known of any.
                Err(_) => in_place.iter().for_each(|filled| self.fail_read(filled.number)),
            }
            // What they covered was needed until now.
            self.views.drain(..self.views.len().saturating_sub(1));
        }
        if !copied.is_empty() {
            let done = self.copy_data_out(host, &copied)?;
            self.delivered(host, copied, &done);
        }
        Ok(any)
    }

    fn delivered(&mut self, host: &mut Host<'_>, filled: Vec<Filled>, copied: &[bool]) {
        for (filled, &copied) in filled.into_iter().zip(copied) {
            if copied {
                self.stats.bytes_read += filled.len() as u64;
                self.close(filled.number, status::OKAY);
            } else {
                self.fail_grant(filled.number);
            }
            if let Data::Copied(buffer) = filled.data {
                host.io.buffers().give(buffer);
            }
        }
    }

    fn fail_read(&mut self, number: u32) {
        let status = self.status_of(Err(Errno::EIO));
        self.close(number, status);
    }

    /// For each: whether all of it was copied.
    fn copy_data_out(
        &mut self,
        host: &mut Host<'_>,
        filled: &[Filled],
    ) -> Result<Vec<bool>, Fault> {
        let mut copied = vec![true; filled.len()];
        let (mut pieces, mut whose) = (Vec::new(), Vec::new());
        for (index, filled) in filled.iter().enumerate() {
            let mut at = 0;
            for &part in self.window.get_mut(filled.number).into_iter().flat_map(|o| &o.parts) {
                pieces.push(filled.piece(part, at));
                whose.push(index);
                at += usize::from(part.len);
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
