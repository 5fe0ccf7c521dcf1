//! The virtual switch: a replica of its tables in every shard.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags};

use crate::shard::DeviceId;

/// One shard's links to the others.
#[derive(Debug)]
pub struct Seed;

/// A change of the tables that every shard has to learn of.
#[derive(Clone, Debug)]
pub struct Update;

/// Links between `shards` shards, one seed for each.
pub fn seeds(shards: usize) -> Vec<Seed> {
    (0..shards).map(|_| Seed).collect()
}

/// One shard's part of the switch.
#[derive(Debug)]
pub struct Fabric {
    poll: Epoll,
}

impl Fabric {
    /// A fabric without ports.
    ///
    /// # Errors
    /// When the system has no file descriptor left.
    pub fn new(_seed: Seed) -> std::io::Result<Fabric> {
        Ok(Fabric { poll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)? })
    }

    /// Takes what came in from taps and from other shards.
    pub fn turn(&mut self, _now: Instant) {}

    /// The next device that has packets waiting for it.
    pub fn next_delivery(&mut self) -> Option<DeviceId> {
        None
    }

    /// When [`Fabric::turn`] wants to be called though nothing came in.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Learns a change of the tables.
    pub fn apply(&mut self, _update: Update) {}
}

/// Readable when [`Fabric::turn`] has something to do.
impl AsFd for Fabric {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.0.as_fd()
    }
}
