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

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, unbounded};
use lightvm::xen::{Xen, XenError};
use nix::sys::eventfd::{EfdFlags, EventFd};
use thiserror::Error;

pub use arrival::{Arrival, DeviceSpec, Plug, Started, Status};
pub use context::{Bell, Context, DeviceId, Fault, GuestId, Turn};
pub use line::Line;
pub use message::{Command, Wish};
pub use redo::{Left, Owner, Redo};
pub use store::StoreLine;

/// Pages of a guest, mapped.
pub type Pages = Box<dyn noxs::SharedMemory + Send>;

use crate::switch::Seed;

/// The control thread's end of a shard. Dropping it stops the shard; its guests live
/// on unserved.
#[derive(Debug)]
pub struct Shard {
    commands: Sender<Command>,
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
        let (xen, woken) = (Arc::clone(xen), Arc::clone(&wake));
        let (ready, started) = crossbeam::channel::bounded(1);
        let thread =
            std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
                match thread::Loop::new(xen, seed, &redo, inbox, woken) {
                    Ok(mut turns) => {
                        let _ = ready.send(Ok(()));
                        turns.run();
                    }
                    Err(e) => drop(ready.send(Err(e))),
                }
            })?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended").into()))?;
        Ok(Shard { commands, wake, thread: Some(thread) })
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
