//! What the control thread asks of a shard.

use lightvm::api::Stats;
use lightvm::xen::XenError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Arrival, Plug};
use crate::switch;

/// A wish of the control thread. Wishes that concern a guest the shard does not know
/// are answered with nothing.
#[derive(Debug)]
pub enum Command {
    /// Serve a guest. Answered when its channel is bound.
    Serve(Box<Arrival>, oneshot::Sender<Result<(), XenError>>),
    /// Serve a guest no longer: what it printed is taken, its devices are disconnected,
    /// its channel is unbound. Answered when that is done.
    Leave(Uuid, oneshot::Sender<()>),
    /// Put a device in a guest's table and tell it.
    Attach(Uuid, Box<Plug>),
    /// Take a device away: the guest is asked to let go of it.
    Detach(Uuid, u8),
    /// Take a device away whatever the guest says.
    Remove(Uuid, u8, oneshot::Sender<()>),
    /// Ask the guest for something.
    Ask(Uuid, Wish),
    /// The guest's input has come to its console.
    Input(Uuid),
    /// Count what went through a guest's devices.
    Stats(Uuid, oneshot::Sender<Stats>),
    /// Learn a change of the switch's tables.
    Network(switch::Update),
    /// Answer, as a sign of life.
    Ping(oneshot::Sender<()>),
    /// End the thread; guests live on unserved.
    Stop,
}

/// What a guest can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To power off.
    Poweroff,
    /// To reboot.
    Reboot,
    /// To suspend.
    Suspend,
}
