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
}
