//! Networks: what guests' interfaces are plugged into, and their way to the host's network.
//!
//! A network is a switch ([`crate::switch`]) with at most one uplink, a tap device on the
//! host: on a bridge of the host, routed by the host with or without address translation,
//! or none. An interface may have a bridge or a tap named instead: it then gets a network
//! that exists as long as it is used.
//!
//! Taps, addresses and rules stay when the daemon ends and are taken up by the next one, so
//! connections survive; they go with their network. Networks that were made by name are
//! kept in `/var/lib/lightvm/networks` and are there again after the host's next boot.

mod error;
mod link;
mod members;
mod nat;
mod networks;
mod spec;
mod store;
mod tap;

pub use error::NetworkError;
pub use networks::{Attached, Networks};
