//! Requests on the guest's disk, past the page cache, a fixed number of them under way.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::command::Job;

const DISK: &str = "/dev/xvda";
/// `O_DIRECT` on x86.
const O_DIRECT: i32 = 0o40000;
const PAGE: usize = 4096;

#[derive(Clone)]
#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "only the device looks at it")] [u8; PAGE]);

struct Work {
    job: Job,
    disk: File,
    blocks: u64,
    /// `depth` buffers of `size` bytes.
    memory: Vec<Page>,
    random: u64,
}

/// Does all requests of `job` and waits for the last.
pub(crate) fn run(job: &Job) -> io::Result<()> {
    let mut work = Work::new(*job)?;
    let mut ring = IoUring::new(job.depth)?;
    let mut started = 0;
    let mut finished = 0;
    while started < job.depth.min(job.count) {
        let request = work.request(started, started);
        push(&mut ring, &request)?;
        started += 1;
    }
    while finished < job.count {
        ring.submit_and_wait(1)?;
        while let Some(done) = next(&mut ring) {
            check(done.result(), job.size)?;
            finished += 1;
            if started < job.count {
                let slot = u32::try_from(done.user_data()).unwrap_or(0);
                let request = work.request(slot, started);
                push(&mut ring, &request)?;
                started += 1;
            }
        }
    }
    Ok(())
}

fn next(ring: &mut IoUring) -> Option<cqueue::Entry> {
    ring.completion().next()
}

fn push(ring: &mut IoUring, request: &squeue::Entry) -> io::Result<()> {
    // SAFETY: the buffer belongs to `Work`, which outlives the ring's requests as `run` waits for
    // them all; one slot's buffer is in one request at a time.
    unsafe { ring.submission().push(request) }.map_err(io::Error::other)
}

fn check(result: i32, size: u32) -> io::Result<()> {
    match u32::try_from(result) {
        Ok(done) if done == size => Ok(()),
        Ok(done) => Err(io::Error::other(format!("{done} of {size} bytes"))),
        Err(_) => Err(io::Error::from_raw_os_error(-result)),
    }
}

impl Work {
    fn new(job: Job) -> io::Result<Self> {
        if job.size == 0
            || !(job.size as usize).is_multiple_of(PAGE)
            || !(1..=256).contains(&job.depth)
        {
            return Err(io::Error::other("size must be whole pages, depth 1 to 256"));
        }
        let mut options = OpenOptions::new();
        let mut disk = options.read(true).write(job.write).custom_flags(O_DIRECT).open(DISK)?;
        let blocks = disk.seek(SeekFrom::End(0))? / u64::from(job.size);
        if blocks == 0 {
            return Err(io::Error::other("the disk is smaller than a request"));
        }
        let pages = job.size as usize / PAGE * job.depth as usize;
        // Touched now, so that no page fault is measured.
        let memory = vec![Page([0x5a; PAGE]); pages];
        Ok(Work { job, disk, blocks, memory, random: 0x9e37_79b9_7f4a_7c15 })
    }

    /// The `n`th request, in the buffer of `slot`.
    fn request(&mut self, slot: u32, n: u32) -> squeue::Entry {
        let size = self.job.size as usize;
        let buffer = self.memory[slot as usize * (size / PAGE)..].as_mut_ptr().cast::<u8>();
        let offset = self.block(n) * u64::from(self.job.size);
        let file = types::Fd(self.disk.as_raw_fd());
        let entry = if self.job.write {
            opcode::Write::new(file, buffer, self.job.size).offset(offset).build()
        } else {
            opcode::Read::new(file, buffer, self.job.size).offset(offset).build()
        };
        entry.user_data(u64::from(slot))
    }

    fn block(&mut self, n: u32) -> u64 {
        if !self.job.random {
            return u64::from(n) % self.blocks;
        }
        // xorshift64: the same order in every run.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % self.blocks
    }
}
