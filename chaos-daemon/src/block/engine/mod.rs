//! Disk I/O for all devices of one shard. What the page cache or a file system in
//! memory can answer is done at once; the rest goes to the kernel's io_uring or,
//! where there is none, to a few threads. Completions ring an eventfd.

mod inline;
mod job;
mod threads;
mod uring;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::arena::{Arena, UNIT};
use super::buffer::Pool;
pub use job::{Completion, Job, Token, Work};
use threads::Threads;
use uring::Uring;

/// How a shard does its I/O.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Bytes of memory for data in flight, of all devices of the shard.
    pub memory: usize,
    /// Whether to try the kernel's io_uring first.
    pub io_uring: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions { memory: 64 << 20, io_uring: true }
    }
}

/// The I/O of one shard. Whoever starts jobs calls [`Engine::submit_all`] before sleeping.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    pool: Pool,
    event: Arc<EventFd>,
    queue: Queue,
    /// Whether registered memory was asked for.
    asked: bool,
    done: VecDeque<Completion>,
    in_flight: usize,
}

/// Readable when [`Engine::completion`] has something to give.
impl AsFd for Engine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// Made on first use: guests whose data is at hand never need one.
enum Queue {
    Unused,
    Uring(Box<Uring>),
    Threads(Threads),
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Queue::Unused => "unused",
            Queue::Uring(_) => "io_uring",
            Queue::Threads(_) => "threads",
        })
    }
}

impl Engine {
    /// An engine that has not done anything yet.
    ///
    /// # Errors
    /// When the process may not have another file descriptor.
    pub fn new(options: EngineOptions) -> io::Result<Engine> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Engine {
            options,
            pool: Pool::new(options.memory),
            event: Arc::new(event),
            queue: Queue::Unused,
            asked: false,
            done: VecDeque::new(),
            in_flight: 0,
        })
    }

    /// Memory for jobs.
    pub fn buffers(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Jobs that were started and have not been given back.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Does a job at once if nothing has to be waited for, and gives it back done;
    /// otherwise queues it.
    pub fn start(&mut self, job: Job) -> Option<Completion> {
        if !self.asked && job.bytes() >= UNIT {
            self.register();
        }
        match inline::attempt(job) {
            inline::Attempt::Done(completion) => Some(completion),
            inline::Attempt::Wait(job) => {
                self.in_flight += 1;
                self.queue_of(job);
                None
            }
        }
    }

    /// Hands the kernel what was queued since the last time.
    pub fn submit_all(&mut self) {
        if let Queue::Uring(uring) = &mut self.queue {
            uring.submit();
        }
    }

    /// The next job that is over; `None` quietens the event.
    pub fn completion(&mut self) -> Option<Completion> {
        if self.done.is_empty() {
            self.reap();
        }
        let completion = self.done.pop_front()?;
        self.in_flight -= 1;
        Some(completion)
    }

    fn reap(&mut self) {
        match &mut self.queue {
            Queue::Unused => {}
            Queue::Uring(uring) => {
                let _ = self.event.read();
                uring.reap(&mut self.done);
            }
            Queue::Threads(threads) => {
                let _ = self.event.read();
                threads.reap(&mut self.done);
            }
        }
    }

    /// Has large buffers be memory that io_uring knows, from the first large job on. Where that
    /// cannot be, all goes on as before.
    fn register(&mut self) {
        self.asked = true;
        let Queue::Uring(uring) = self.queue() else { return };
        let registered = Arena::new().and_then(|arena| uring.register(&arena).map(|()| arena));
        match registered {
            Ok(arena) => self.pool.register(Arc::new(arena)),
            Err(error) => tracing::info!(%error, "no memory registered with io_uring"),
        }
    }

    fn queue(&mut self) -> &mut Queue {
        if matches!(self.queue, Queue::Unused) {
            self.queue = self.first_queue();
        }
        &mut self.queue
    }

    fn queue_of(&mut self, job: Job) {
        match self.queue() {
            Queue::Uring(uring) => uring.queue(job),
            Queue::Threads(threads) => threads.queue(job),
            Queue::Unused => unreachable!("made above"),
        }
    }

    fn first_queue(&self) -> Queue {
        if self.options.io_uring {
            match Uring::new(self.event.as_fd()) {
                Ok(uring) => return Queue::Uring(Box::new(uring)),
                Err(error) => tracing::info!(%error, "no io_uring here: disk I/O on threads"),
            }
        }
        Queue::Threads(Threads::new(Arc::clone(&self.event)))
    }
}

#[cfg(test)]
mod tests;
