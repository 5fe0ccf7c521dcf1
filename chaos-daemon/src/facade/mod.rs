//! The facade: XenStore for one unmodified guest, answered from its own small tree.
//!
//! ```text
//!  guest ⇄ ring ⇄ machine { wire, store, xenbus } ⇄ the guest's shard
//!                    │
//!                 journal
//! ```
//!
//! A [`Machine`] is all state, and pure. A [`Facade`] moves bytes between it and the
//! shared page, and writes every operation down before the guest can see its effect: a
//! daemon killed at any moment is followed by one that knows exactly as much.

mod guest;
mod journal;
mod machine;
mod output;
mod ring;
mod service;
pub mod store;
#[cfg(test)]
mod tests;
pub mod wire;
pub mod xenbus;

pub use guest::{Ask, Guest, Page};
pub use journal::{Journal, JournalError, replay};
pub use machine::{ConnectionError, Event, Machine, Operation};
pub use ring::Ring;
pub use service::{Facade, Turn};
pub use xenbus::{
    BlockAbi, BlockDevice, BlockFront, BusEvent, Device, DeviceKind, Front, FrontEnd, Key,
    NetDevice, NetFront,
};
