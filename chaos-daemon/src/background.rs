//! Work that gives way to requests: building shells, and giving back what dead guests had.
//!
//! It has threads of its own, always the same and of little weight. A thread that has slept goes before
//! others when it wakes, so work that is handed to whichever thread sleeps keeps everybody from a busy
//! processor, whoever asks for something among them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::guests::GuestError;
use crate::mailbox::Mailbox;

/// What the threads are to the scheduler: a tenth of a usual thread's weight, so that they get on
/// beside one that is always busy.
const NICE: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// The threads.
#[derive(Debug)]
pub struct Background {
    work: Mailbox<Option<Work>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    /// Starts `count` threads, at least one.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(count: u32) -> io::Result<Background> {
        let background = Background { work: Mailbox::default(), threads: Mutex::default() };
        for _ in 0..count.max(1) {
            let (name, work) = ("background".to_owned(), background.work.clone());
            let thread = std::thread::Builder::new().name(name).spawn(move || run(&work))?;
            background.threads.lock().push(thread);
        }
        Ok(background)
    }

    /// Has something done when its turn comes.
    pub fn put(&self, work: impl FnOnce() + Send + 'static) {
        self.work.put(Some(Box::new(work)));
    }

    /// Has something done when its turn comes, and waits for it.
    ///
    /// # Errors
    /// [`GuestError::Broken`] when it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GuestError> {
        let (answer, done) = oneshot::channel();
        self.put(move || drop(answer.send(work())));
        done.await.map_err(|_| GuestError::Broken)
    }

    /// Waits until all is done that was put in; what comes later stays undone.
    pub fn end(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        threads.iter().for_each(|_| self.work.put(None));
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

fn run(work: &Mailbox<Option<Work>>) {
    be_nice();
    while let Some(work) = work.take() {
        // Whoever waits for it learns of a panic; the thread goes on with what comes next.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

fn be_nice() {
    let own_thread = 0;
    // SAFETY: setpriority(2) takes three numbers and touches no memory of this program.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, own_thread, NICE) };
    if done != 0 {
        tracing::warn!(
            "background threads are as weighty as others: {}",
            io::Error::last_os_error()
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn all_is_done_before_the_end_whatever_panics() {
        let (background, done) = (Background::start(2).unwrap(), Arc::new(AtomicU32::new(0)));
        for number in 0..100u32 {
            let done = Arc::clone(&done);
            background.put(move || {
                assert!(!number.is_multiple_of(10), "as it should be");
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        background.end();
        assert_eq!(done.load(Ordering::SeqCst), 90);
    }
}
