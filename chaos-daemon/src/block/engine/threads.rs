//! I/O on a few threads, where the kernel has no io_uring or forbids it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use crossbeam::channel::{Receiver, Sender, unbounded};
use nix::errno::Errno;
use nix::sys::eventfd::EventFd;

use super::inline::finish;
use super::job::{Completion, Job};

const WORKERS: usize = 4;

/// The threads end when their shard's end of the channel is gone. The channels hold no
/// more than the devices have in flight, which each of them bounds.
pub(super) struct Threads {
    jobs: Sender<Job>,
    done: Receiver<Completion>,
    running: usize,
    /// For jobs nobody can take.
    refuse: Sender<Completion>,
    event: Arc<EventFd>,
}

impl Threads {
    pub(super) fn new(event: Arc<EventFd>) -> Threads {
        let (jobs, queue) = unbounded();
        let (refuse, done) = unbounded();
        let start = |_: &usize| {
            let (queue, results, event) = (queue.clone(), refuse.clone(), Arc::clone(&event));
            let work = move || work(&queue, &results, &event);
            thread::Builder::new().name("block".into()).spawn(work).is_ok()
        };
        let running = (0..WORKERS).filter(start).count();
        Threads { jobs, done, running, refuse, event }
    }

    pub(super) fn queue(&mut self, job: Job) {
        if self.running == 0 {
            let _ = self.refuse.send(job.over(Err(Errno::EAGAIN)));
            let _ = self.event.write(1);
        } else if let Err(unsent) = self.jobs.send(job) {
            let _ = self.refuse.send(unsent.0.over(Err(Errno::EIO)));
        }
    }

    pub(super) fn reap(&mut self, done: &mut VecDeque<Completion>) {
        done.extend(self.done.try_iter());
    }
}

fn work(queue: &Receiver<Job>, done: &Sender<Completion>, event: &EventFd) {
    for job in queue {
        if done.send(finish(job)).is_err() {
            return;
        }
        let _ = event.write(1);
    }
}
