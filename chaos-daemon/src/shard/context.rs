//! What a device's back end sees of its shard while it is being served.

use std::time::Instant;

use lightvm::xen::{DomId, GrantDevice, Xen};
use thiserror::Error;

use super::Redo;
use crate::block::Engine;
use crate::switch::Fabric;

/// Who is served, and with what.
pub struct Context<'a> {
    /// The hypervisor.
    pub xen: &'a Xen,
    /// Pages that guests grant.
    pub grants: &'a GrantDevice,
    /// The guest's domain.
    pub domain: DomId,
    /// The device that is being served.
    pub device: DeviceId,
    /// When this turn began.
    pub now: Instant,
    /// Tells the guest that its ring has news.
    pub bell: &'a mut Bell,
    /// This shard's part of the switch.
    pub fabric: &'a mut Fabric,
    /// This shard's asynchronous input and output.
    pub io: &'a mut Engine,
    /// What is published is written down here first.
    pub redo: &'a Redo,
}

/// A device of a guest of a shard. Never given out twice by a shard, so what comes
/// back late finds nobody instead of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId {
    /// Its guest.
    pub guest: GuestId,
    /// Its place in the guest's device table.
    pub slot: u8,
}

/// A guest of a shard: its place there, and which of those that stood there it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuestId {
    /// Its place.
    pub index: u32,
    /// Counts the guests of this shard.
    pub epoch: u32,
}

/// Collects a turn's reasons to notify the guest; the shard does it once, at the end.
#[derive(Debug, Default)]
pub struct Bell {
    rung: bool,
}

impl Bell {
    /// The guest has to look at its ring.
    pub fn ring(&mut self) {
        self.rung = true;
    }

    /// Whether it was rung since the last time.
    pub fn take(&mut self) -> bool {
        std::mem::take(&mut self.rung)
    }
}

/// How a device's turn ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The budget was used up before the work.
    pub again: bool,
    /// When the device wants another turn though nothing rang, as a rate limit does.
    pub wake: Option<Instant>,
}

impl Turn {
    /// Everything there was to do is done.
    pub const DONE: Turn = Turn { again: false, wake: None };
    /// There is more to do than one turn may take.
    pub const AGAIN: Turn = Turn { again: true, wake: None };
}

/// Why a device was disconnected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// Indexes that no honest front end writes.
    #[error("the ring's indexes are {producer} produced, {consumer} consumed; it has {size} slots")]
    Ring {
        /// Requests produced.
        producer: u32,
        /// Requests consumed.
        consumer: u32,
        /// Slots of the ring.
        size: u32,
    },
    /// The front end broke the protocol.
    #[error("the guest broke the protocol: {0}")]
    Protocol(&'static str),
    /// A page of the guest cannot be reached.
    #[error("a page of the guest cannot be reached: {0}")]
    Memory(String),
    /// The host's side failed; the guest is not to blame.
    #[error("the host failed: {0}")]
    Host(String),
    /// The daemon panicked while it served the guest: a bug of ours, or of a library that
    /// reads what guests write.
    #[error("the daemon panicked serving the guest: {0}")]
    Panic(String),
}
