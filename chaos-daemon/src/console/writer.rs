//! The thread that writes consoles' logs: a slow disk holds up no shard.

use std::io;
use std::thread::JoinHandle;

use super::feed::Sink;
use crate::mailbox::Mailbox;

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
    pub(super) jobs: Mailbox<Job>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start() -> io::Result<Thread> {
        let jobs = Mailbox::default();
        let inbox = jobs.clone();
        let name = "console-log".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&inbox))?;
        Ok(Thread { jobs, thread: Some(thread) })
    }
}

fn run(inbox: &Mailbox<Job>) {
    loop {
        match inbox.take() {
            Job::Write(sink) => sink.write(),
            Job::Remove(sink) => sink.remove(),
            Job::Stop => return,
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs.put(Job::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
