//! Work for one thread that most often has none.
//!
//! Channels of the usual crates look again several times, yielding in between, before they put a
//! thread to sleep: on a host with one CPU that is a dozen system calls for each piece of work, and
//! nothing is gained by it where the next one is milliseconds away.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// A queue that one thread waits at. Copies are of the same.
pub struct Mailbox<T>(Arc<Inner<T>>);

struct Inner<T> {
    letters: Mutex<VecDeque<T>>,
    arrived: Condvar,
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Mailbox(Arc::clone(&self.0))
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Mailbox(Arc::new(Inner { letters: Mutex::default(), arrived: Condvar::new() }))
    }
}

impl<T> Mailbox<T> {
    /// Puts something in, however much there is.
    pub fn put(&self, letter: T) {
        self.0.letters.lock().push_back(letter);
        self.0.arrived.notify_one();
    }

    /// Puts something in unless `most` wait already; whether it did.
    pub fn put_within(&self, most: usize, letter: T) -> bool {
        let mut letters = self.0.letters.lock();
        if letters.len() >= most {
            return false;
        }
        letters.push_back(letter);
        drop(letters);
        self.0.arrived.notify_one();
        true
    }

    /// Takes what was put in first; waits until there is something.
    pub fn take(&self) -> T {
        let mut letters = self.0.letters.lock();
        loop {
            if let Some(letter) = letters.pop_front() {
                return letter;
            }
            self.0.arrived.wait(&mut letters);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_arrives_in_order_and_no_more_than_may_wait() {
        let mailbox = Mailbox::default();
        let reader = mailbox.clone();
        let thread = std::thread::spawn(move || {
            let mut taken = Vec::new();
            while let Some(letter) = reader.take() {
                taken.push(letter);
            }
            taken
        });
        (0..1000).for_each(|number| mailbox.put(Some(number)));
        mailbox.put(None);
        assert_eq!(thread.join().unwrap(), (0..1000).collect::<Vec<_>>());
        assert!(mailbox.put_within(2, Some(1)));
        assert!(mailbox.put_within(2, Some(2)));
        assert!(!mailbox.put_within(2, Some(3)));
        assert_eq!((mailbox.take(), mailbox.take()), (Some(1), Some(2)));
    }
}
