//! What the control thread asks of a shard.

use crate::switch;

/// A wish of the control thread.
#[derive(Debug)]
pub enum Command {
    /// Learn a change of the switch's tables.
    Network(switch::Update),
    /// End the thread; guests live on unserved.
    Stop,
}
