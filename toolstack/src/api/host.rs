//! The daemon and its host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::ControlMode;

/// `GET /v1/host`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostInfo {
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Xen's version, such as `4.17.2`.
    pub xen: String,
    /// How many guests it serves.
    pub guests: u32,
    /// How many threads serve them.
    pub shards: u32,
    /// The channels it can give guests.
    pub controls: Vec<ControlMode>,
    /// The network of interfaces that name none, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_network: Option<String>,
    /// How it does disk I/O: `io_uring` or `threads`.
    #[serde(default)]
    pub block_io: String,
    /// Its memory.
    #[serde(default)]
    pub memory: HostMemory,
}

/// A host's memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostMemory {
    /// All of it.
    pub total: u64,
    /// What nobody has.
    pub free: u64,
    /// What guests to come can have: what is free, what shells of the pool give way with, and what
    /// ended guests had and is on its way back, without what guests that are being built were promised.
    /// How much of it a guest takes says [`GuestConfig::footprint`](crate::config::GuestConfig::footprint).
    pub available: u64,
}
