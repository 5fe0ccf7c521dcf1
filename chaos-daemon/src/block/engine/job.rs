//! A piece of work on a disk, and what became of it.

use std::ops::Range;
use std::sync::Arc;

use nix::errno::Errno;

use crate::block::buffer::Buffer;
use crate::block::disk::{Change, Disk};
use crate::shard::DeviceId;

/// Says whose job it is; comes back with the completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The device.
    pub device: DeviceId,
    /// Which of the connections of that device; what comes back late is not mistaken.
    pub connection: u64,
    /// The connection's own number for the request.
    pub request: u32,
}

/// What to do on a disk. Offsets and lengths are in bytes, in range and aligned to blocks.
#[derive(Debug)]
pub enum Work {
    /// Fill the buffer from `offset` on.
    Read {
        /// Where on the disk.
        offset: u64,
        /// Where to.
        buffer: Buffer,
    },
    /// Write the buffer at `offset`.
    Write {
        /// Where on the disk.
        offset: u64,
        /// What.
        buffer: Buffer,
    },
    /// Make all completed writes durable.
    Sync,
    /// Give back a range, which reads as zeroes from now on.
    Punch {
        /// Where on the disk.
        offset: u64,
        /// How much.
        len: u64,
    },
}

/// Work, where, and for whom.
#[derive(Debug)]
pub struct Job {
    pub(super) token: Token,
    pub(super) disk: Arc<Disk>,
    pub(super) work: Work,
    /// Bytes already read or written.
    pub(super) done: usize,
    /// Lives as long as a job that changes the disk.
    _change: Option<Change>,
}

/// A job that is over.
#[derive(Debug)]
pub struct Completion {
    /// As given with the job.
    pub token: Token,
    /// All of it was done, or not.
    pub outcome: Result<(), Errno>,
    /// The buffer of a read or write. Only a read without error has filled it.
    pub buffer: Option<Buffer>,
}

/// What is left of a read or write.
pub(super) struct Rest {
    /// Where on the disk.
    pub(super) offset: u64,
    /// Which part of the buffer.
    pub(super) part: Range<usize>,
}

impl Rest {
    pub(super) fn of(offset: u64, buffer: &Buffer, done: usize) -> Rest {
        Rest { offset: offset + done as u64, part: done..buffer.bytes().len() }
    }
}

impl Job {
    /// Work on `disk`.
    pub fn new(token: Token, disk: Arc<Disk>, work: Work) -> Job {
        let changes = matches!(work, Work::Write { .. } | Work::Punch { .. });
        let _change = changes.then(|| Change::begin(&disk));
        Job { token, disk, work, done: 0, _change }
    }

    /// Bytes to be read or written.
    pub(super) fn bytes(&self) -> usize {
        self.buffer().map_or(0, |buffer| buffer.bytes().len())
    }

    /// Whether its data is in memory that the kernel's io_uring knows, which copies it faster
    /// than a call of the system does.
    pub(super) fn is_registered(&self) -> bool {
        self.buffer().is_some_and(Buffer::is_registered)
    }

    fn buffer(&self) -> Option<&Buffer> {
        match &self.work {
            Work::Read { buffer, .. } | Work::Write { buffer, .. } => Some(buffer),
            Work::Sync | Work::Punch { .. } => None,
        }
    }

    /// Takes note of a system call's answer: the job again while something is left.
    pub(super) fn advance(mut self, answer: Result<usize, Errno>) -> Result<Completion, Job> {
        let len = match &self.work {
            Work::Read { buffer, .. } | Work::Write { buffer, .. } => buffer.bytes().len(),
            Work::Sync | Work::Punch { .. } => return Ok(self.over(answer.map(drop))),
        };
        match answer {
            Err(Errno::EINTR | Errno::EAGAIN) => return Err(self),
            Err(errno) => return Ok(self.over(Err(errno))),
            // The end of a file that was cut short after it was opened.
            Ok(0) if self.done < len => return Ok(self.over(Err(Errno::EIO))),
            Ok(bytes) => self.done += bytes,
        }
        if self.done < len { Err(self) } else { Ok(self.over(Ok(()))) }
    }

    pub(super) fn over(self, outcome: Result<(), Errno>) -> Completion {
        let buffer = match self.work {
            Work::Read { buffer, .. } | Work::Write { buffer, .. } => Some(buffer),
            Work::Sync | Work::Punch { .. } => None,
        };
        Completion { token: self.token, outcome, buffer }
    }
}
