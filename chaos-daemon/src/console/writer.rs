//! The thread that writes consoles' logs: a slow disk holds up no shard.

use std::io;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::feed::Sink;

/// Work of the thread. Every console is queued once at most.
pub(super) enum Job {
    /// Write what waits.
    Write(Sink),
    /// Remove the log.
    Remove(Sink),
    /// End.
    Stop,
}

/// The running thread; it ends when everything queued is written.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start() -> io::Result<Thread> {
        let (jobs, inbox) = unbounded();
        let name = "console-log".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&inbox))?;
        Ok(Thread { jobs, thread: Some(thread) })
    }
}

fn run(inbox: &Receiver<Job>) {
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Write(sink) => sink.write(),
            Job::Remove(sink) => sink.remove(),
            Job::Stop => return,
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
