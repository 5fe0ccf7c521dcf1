//! Devices of guests and what went through them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Disk, Nic};

/// A network interface of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NicInfo {
    /// Its number among the guest's interfaces, from 0.
    pub index: u8,
    /// What it was made from, with the MAC address, the network and the addresses it got.
    pub nic: Nic,
    /// Whether the guest uses it.
    pub connected: bool,
    /// Why it was disconnected, when the daemon did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What went through it.
    #[serde(default)]
    pub stats: DeviceStats,
}

/// A disk of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiskInfo {
    /// Its number among the guest's disks, from 0.
    pub index: u8,
    /// Its size in bytes.
    pub size: u64,
    /// What it was made from.
    pub disk: Disk,
    /// Whether the guest uses it.
    pub connected: bool,
    /// Why it was disconnected, when the daemon did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What went through it.
    #[serde(default)]
    pub stats: DeviceStats,
}

/// Counters of a device, from the guest's point of view. All but `queued` only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DeviceStats {
    /// Bytes received or read.
    pub in_bytes: u64,
    /// Packets received or requests to read.
    pub in_count: u64,
    /// Bytes sent or written.
    pub out_bytes: u64,
    /// Packets sent or requests to write.
    pub out_count: u64,
    /// What was dropped on the way to the guest.
    pub in_dropped: u64,
    /// What was dropped on the way from the guest: rate, pinning, broadcast bound.
    pub out_dropped: u64,
    /// Requests that were wrong, or failed.
    pub errors: u64,
    /// Requests to make written data safe.
    pub flushes: u64,
    /// What waits right now.
    pub queued: u64,
    /// How often what the guest wanted had to wait for its rate.
    pub throttled: u64,
}

/// `GET /v1/guests/{guest}/stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// Its network interfaces, by number.
    pub nics: Vec<DeviceStats>,
    /// Its disks, by number.
    pub disks: Vec<DeviceStats>,
    /// Bytes it printed on its console.
    pub console_bytes: u64,
    /// How often what it printed had to wait for its rate.
    #[serde(default)]
    pub console_throttled: u64,
    /// Log records it wrote.
    pub log_records: u64,
    /// Log records it, or the daemon, had no room for.
    pub log_dropped: u64,
    /// Events that came from it.
    pub events: u64,
    /// How often it was kept from raising events for a moment, as it raised too many.
    #[serde(default)]
    pub held: u64,
    /// What it said or asked on its channel in vain: reports, log records and positions that
    /// cannot be, requests that its store refused.
    #[serde(default)]
    pub refused: u64,
}
