//! The virtual switch: frames between guests and to the host's network.
//!
//! Every shard has a [`Fabric`] with the ports of its guests, a queue of every uplink and
//! a replica of the tables; shards tell each other what they learn. What is decided about
//! a frame is pure ([`frame`], [`pins`], [`table`], [`forward`], [`segment`], [`bucket`]);
//! reading and writing is in [`Fabric`] alone.
//!
//! What a frame from a guest meets, in this order: the check against the addresses pinned
//! to its port, the limit on frames to groups, the DHCP responder, the table. It leaves
//! through one port, through many, or through the uplink, but never through where it came in.

pub mod bucket;
pub mod checksum;
mod counters;
pub mod dhcp;
mod fabric;
mod former;
pub mod forward;
pub mod frame;
pub mod packet;
mod peers;
pub mod pins;
pub mod pool;
mod port;
#[cfg(test)]
pub(crate) mod samples;
pub mod segment;
pub mod table;
mod uplink;
pub mod vnet;

pub use counters::{Counters, Spoofed};
pub use dhcp::Lease;
pub use fabric::{Fabric, Update};
pub use packet::{Abilities, Checksum, Gso, GsoKind, Offload, Packet};
pub use peers::{Seed, seeds};
pub use port::{MAX_QUEUED, MAX_QUEUED_TOTAL, PortSpec};
pub use table::{PortId, Taken};

use crate::shard::DeviceId;

/// A network, on every shard. The number of one that is gone is not used again.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct NetworkId(pub u32);
