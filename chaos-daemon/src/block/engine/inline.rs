//! What needs no waiting: data in memory, or in the page cache.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::uio::{pread, pwrite};
use nix::unistd::fdatasync;

use super::job::{Completion, Job, Rest, Work};

pub(super) enum Attempt {
    Done(Completion),
    Wait(Job),
}

/// Does what can be done without waiting for storage.
pub(super) fn attempt(job: Job) -> Attempt {
    if job.is_registered() {
        return Attempt::Wait(job);
    }
    if job.disk.in_memory() {
        return Attempt::Done(finish(job));
    }
    match job.work {
        Work::Read { .. } if job.disk.cached() => read_cached(job),
        _ => Attempt::Wait(job),
    }
}

/// Does a job in system calls that may wait.
pub(super) fn finish(mut job: Job) -> Completion {
    loop {
        let answer = step(&mut job);
        match job.advance(answer) {
            Ok(completion) => return completion,
            Err(unfinished) => job = unfinished,
        }
    }
}

/// One system call.
fn step(job: &mut Job) -> Result<usize, Errno> {
    let disk = Arc::clone(&job.disk);
    match &mut job.work {
        Work::Read { offset, buffer } => {
            let rest = Rest::of(*offset, buffer, job.done);
            let file = disk.file_for(rest.offset, rest.part.len());
            pread(file, &mut buffer.bytes_mut()[rest.part], signed(rest.offset)?)
        }
        Work::Write { offset, buffer } => {
            let rest = Rest::of(*offset, buffer, job.done);
            let file = disk.file_for(rest.offset, rest.part.len());
            pwrite(file, &buffer.bytes()[rest.part], signed(rest.offset)?)
        }
        Work::Sync => fdatasync(&*disk).map(|()| 0),
        Work::Punch { offset, len } => {
            let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            fallocate(&*disk, hole, signed(*offset)?, signed(*len)?).map(|()| 0)
        }
    }
}

/// Reads what the page cache has. A file system that cannot tell says so, and waits.
fn read_cached(mut job: Job) -> Attempt {
    let file = job.disk.as_fd().as_raw_fd();
    let Work::Read { offset, buffer } = &mut job.work else { return Attempt::Wait(job) };
    let answer = signed(*offset).and_then(|at| read_now(file, buffer.bytes_mut(), at));
    // An answer of 0 or an error is left for the call that waits to explain.
    let Ok(1..) = answer else { return Attempt::Wait(job) };
    match job.advance(answer) {
        Ok(completion) => Attempt::Done(completion),
        Err(unfinished) => Attempt::Wait(unfinished),
    }
}

fn read_now(fd: i32, into: &mut [u8], offset: i64) -> Result<usize, Errno> {
    let part = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: one iovec, which describes memory that `into` borrows for the call.
    let answer = unsafe { libc::preadv2(fd, &raw const part, 1, offset, libc::RWF_NOWAIT) };
    Errno::result(answer).map(isize::unsigned_abs)
}

/// Offsets within a disk fit; anything else is out of range.
fn signed(offset: u64) -> Result<i64, Errno> {
    i64::try_from(offset).map_err(|_| Errno::EINVAL)
}
