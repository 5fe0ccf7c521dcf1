//! Shards: threads that serve guests' rings.
//!
//! Each shard owns what it works with: event channels, grants, asynchronous input and
//! output, its part of the switch. The control thread talks to it through a channel of
//! [`Command`]s; answers come back through a `oneshot` or a `watch`, so that no guest
//! can fill a queue.

mod arrival;
mod commands;
mod contain;
mod context;
mod device;
mod guest;
mod guests;
mod hotplug;
mod line;
mod message;
mod redo;
mod slot;
mod store;
mod storm;
mod thread;
mod timers;
mod tools;
mod wire;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, unbounded};
use lightvm::xen::{DomId, EventChannels, Xen, XenError};
use nix::sys::eventfd::{EfdFlags, EventFd};
use thiserror::Error;

pub use arrival::{Arrival, DeviceSpec, Plug, Started, Status};
pub use context::{Bell, Context, DeviceId, Fault, GuestId, Turn};
pub use line::Line;
pub use message::{Command, Wish};
pub use redo::{Left, Owner, Redo};
pub use store::StoreLine;
pub use wire::Wire;

/// Pages of a guest, mapped.
pub type Pages = Box<dyn noxs::SharedMemory + Send>;

use crate::switch::Seed;
use thread::Inlets;

/// The control thread's end of a shard. Dropping it stops the shard; its guests live
/// on unserved.
#[derive(Debug)]
pub struct Shard {
    commands: Sender<Command>,
    arrivals: Sender<Arrival>,
    channels: Arc<EventChannels>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

/// Why a shard could not be started.
#[derive(Debug, Error)]
pub enum ShardError {
    /// Event channels cannot be opened.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// The system refused what a shard needs.
    #[error("cannot start a shard: {0}")]
    System(#[from] io::Error),
}

impl Shard {
    /// Starts shard `number`, whose record of what it is publishing is begun at `redo`.
    ///
    /// # Errors
    /// [`ShardError`].
    pub fn start(
        number: usize,
        xen: &Arc<Xen>,
        seed: Seed,
        redo: PathBuf,
    ) -> Result<Shard, ShardError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).map_err(io::Error::from)?);
        let (commands, inbox) = unbounded();
        let (arrivals, door) = unbounded();
        let channels = Arc::new(xen.event_channels()?);
        let inlets =
            Inlets { channels: Arc::clone(&channels), inbox, door, wake: Arc::clone(&wake) };
        let xen = Arc::clone(xen);
        let (ready, started) = crossbeam::channel::bounded(1);
        let thread =
            std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
                match thread::Loop::new(xen, seed, &redo, inlets) {
                    Ok(mut turns) => {
                        let _ = ready.send(Ok(()));
                        turns.run();
                    }
                    Err(e) => drop(ready.send(Err(e))),
                }
            })?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended").into()))?;
        Ok(Shard { commands, arrivals, channels, wake, thread: Some(thread) })
    }

    /// Connects the shard to port `remote` of a domain that is to be a guest of it.
    ///
    /// # Errors
    /// As [`Xen::bind_interdomain`].
    pub fn wire(&self, xen: &Xen, domain: DomId, remote: u32) -> Result<Wire, XenError> {
        Wire::bind(xen, &self.channels, domain, remote)
    }

    /// Hands the shard a guest that has a [`Wire`] to it and has not started. The shard is not woken:
    /// it takes the guest in when that calls for the first time, or with the next command. `false`:
    /// it has ended.
    #[must_use]
    pub fn expect(&self, arrival: Arrival) -> bool {
        self.arrivals.send(arrival).is_ok()
    }

    /// Hands the shard a command; it is carried out soon, in order.
    pub fn send(&self, command: Command) {
        // A shard that has ended drops what was meant for it, and with it the
        // command's answer, which whoever waits for it sees.
        let _ = self.commands.send(command);
        let _ = self.wake.write(1);
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
