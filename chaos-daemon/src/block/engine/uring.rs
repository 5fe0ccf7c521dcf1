//! I/O through the kernel's io_uring.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use io_uring::{IoUring, opcode, squeue, types};
use nix::errno::Errno;
use slab::Slab;

use super::job::{Completion, Job, Rest, Work};
use crate::block::arena::Arena;

/// Submissions between two system calls.
const ENTRIES: u32 = 128;
/// Jobs the kernel has at a time: as many as its queue of answers holds.
const AT_WORK: usize = 2 * ENTRIES as usize;
/// The only memory that is registered.
const ARENA: u16 = 0;
/// Most bytes a single submission moves; buffers are far smaller.
const MOST: usize = 1 << 30;

/// One ring and its jobs. A job and its buffer stay in the slab until the kernel has
/// given them back; dropping the ring waits for that.
pub(super) struct Uring {
    ring: IoUring,
    jobs: Slab<Job>,
    /// Jobs the kernel has not been given yet.
    waiting: VecDeque<usize>,
}

impl Uring {
    pub(super) fn new(event: BorrowedFd<'_>) -> io::Result<Uring> {
        let ring = IoUring::new(ENTRIES)?;
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let wanted =
            [opcode::Read::CODE, opcode::Write::CODE, opcode::Fsync::CODE, opcode::Fallocate::CODE];
        if !wanted.into_iter().all(|code| probe.is_supported(code)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        ring.submitter().register_eventfd(event.as_raw_fd())?;
        Ok(Uring { ring, jobs: Slab::new(), waiting: VecDeque::new() })
    }

    /// Shows the kernel memory of buffers to come, once.
    pub(super) fn register(&self, arena: &Arena) -> io::Result<()> {
        // SAFETY: memory that nobody moves; its pages are the kernel's as well from now on, also
        // when this process has given them back.
        unsafe { self.ring.submitter().register_buffers(&[arena.extent()]) }
    }

    pub(super) fn queue(&mut self, job: Job) {
        let key = self.jobs.insert(job);
        self.waiting.push_back(key);
    }

    /// Hands over what is queued. Where the kernel is short of something for the moment
    /// the entries stay queued, and completions on their way will call again.
    pub(super) fn submit(&mut self) {
        while self.jobs.len() - self.waiting.len() < AT_WORK {
            let Some(key) = self.waiting.pop_front() else { break };
            if !self.push(key) {
                self.waiting.push_front(key);
                break;
            }
        }
        if !self.ring.submission().is_empty() {
            let _ = self.ring.submit();
        }
    }

    pub(super) fn reap(&mut self, done: &mut VecDeque<Completion>) {
        while let Some((key, result)) = self.next_answer() {
            // The kernel gives back what it was given, once.
            let Some(job) = self.jobs.try_remove(key) else { continue };
            match job.advance(answer(result)) {
                Ok(completion) => done.push_back(completion),
                Err(unfinished) => self.queue(unfinished),
            }
        }
        self.submit();
    }

    fn next_answer(&mut self) -> Option<(usize, i32)> {
        let entry = self.ring.completion().next()?;
        Some((usize::try_from(entry.user_data()).ok()?, entry.result()))
    }

    fn push(&mut self, key: usize) -> bool {
        if self.ring.submission().is_full() && self.ring.submit().is_err() {
            return false;
        }
        let entry = entry(&mut self.jobs[key]).user_data(key as u64);
        // SAFETY: the file and the buffer in the entry belong to a job that stays in the
        // slab until the kernel's answer has come; a buffer's memory does not move.
        unsafe { self.ring.submission().push(&entry) }.is_ok()
    }
}

impl Drop for Uring {
    /// The kernel may write to buffers until it has answered. What it was never given
    /// has no answer to wait for.
    fn drop(&mut self) {
        let mut rest = Vec::new();
        while self.jobs.len() > self.waiting.len() {
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => continue,
                // Better lost memory than memory written after its end.
                Err(_) => return std::mem::forget(std::mem::take(&mut self.jobs)),
            }
            while let Some((key, _)) = self.next_answer() {
                rest.extend(self.jobs.try_remove(key));
            }
        }
    }
}

fn entry(job: &mut Job) -> squeue::Entry {
    let disk = &job.disk;
    let file = |rest: &Rest| types::Fd(disk.file_for(rest.offset, rest.part.len()).as_raw_fd());
    match &mut job.work {
        Work::Read { offset, buffer } => {
            let rest = Rest::of(*offset, buffer, job.done);
            let (fd, known) = (file(&rest), buffer.is_registered());
            let part = &mut buffer.bytes_mut()[rest.part];
            let (to, len) = (part.as_mut_ptr(), bytes(part));
            match known {
                true => opcode::ReadFixed::new(fd, to, len, ARENA).offset(rest.offset).build(),
                false => opcode::Read::new(fd, to, len).offset(rest.offset).build(),
            }
        }
        Work::Write { offset, buffer } => {
            let rest = Rest::of(*offset, buffer, job.done);
            let (fd, part) = (file(&rest), &buffer.bytes()[rest.part]);
            let (from, len) = (part.as_ptr(), bytes(part));
            match buffer.is_registered() {
                true => opcode::WriteFixed::new(fd, from, len, ARENA).offset(rest.offset).build(),
                false => opcode::Write::new(fd, from, len).offset(rest.offset).build(),
            }
        }
        Work::Sync => {
            let fd = types::Fd(disk.as_fd().as_raw_fd());
            opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build()
        }
        Work::Punch { offset, len } => {
            let fd = types::Fd(disk.as_fd().as_raw_fd());
            let hole = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            opcode::Fallocate::new(fd, *len).offset(*offset).mode(hole).build()
        }
    }
}

fn bytes(part: &[u8]) -> u32 {
    u32::try_from(part.len().min(MOST)).expect("MOST fits")
}

fn answer(result: i32) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno::from_raw(result.saturating_neg()))
}
