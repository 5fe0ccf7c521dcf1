//! The pool of shells.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ControlMode, GuestConfig, GuestType};

/// `GET /v1/pool`: the pool as of its last plan. Sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolInfo {
    /// Whether there is one.
    pub enabled: bool,
    /// Memory it takes: shells, those being built, and those whose memory is on its way back.
    pub used: u64,
    /// Memory it may take.
    pub budget: u64,
    /// Memory of ended guests and of destroyed shells that is on its way back.
    pub returning: u64,
    /// Requests that no flavour was for.
    pub strangers: u64,
    /// What shells there are, oldest flavour first.
    pub flavours: Vec<FlavourInfo>,
}

/// `POST /v1/pool/flavours`: keep shells of a kind, until it is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlavourSpec {
    /// Shells that are there without demand.
    pub low: u32,
    /// The most there are; at least 1.
    #[schemars(range(min = 1))]
    pub high: u32,
    /// Whether the image is loaded in advance; otherwise the shells are for any image.
    #[serde(default = "yes")]
    pub loaded: bool,
    /// A guest that they are for. Its name, its addresses and its disks' files do not matter.
    pub guest: GuestConfig,
}

const fn yes() -> bool {
    true
}

/// Shells of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlavourInfo {
    /// Its number, as long as the daemon runs.
    #[serde(default)]
    pub id: u64,
    /// The kernel that is loaded in advance; without one they are blank, for any image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<PathBuf>,
    /// Its command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// PVH or PV.
    #[serde(rename = "type")]
    pub guest_type: GuestType,
    /// Their channel.
    pub control: ControlMode,
    /// Bytes of memory.
    pub memory: u64,
    /// vCPUs.
    pub vcpus: u16,
    /// Network interfaces, with a noxs page.
    pub nics: u8,
    /// Disks, likewise.
    pub disks: u8,
    /// Where it comes from.
    pub origin: FlavourOrigin,
    /// Shells that are there without demand.
    pub low: u32,
    /// The most there are.
    pub high: u32,
    /// Shells that wait.
    pub ready: u32,
    /// Shells being built.
    pub building: u32,
    /// Shells that demand asks for.
    pub depth: u32,
    /// Failures since the last shell that was built.
    pub failures: u32,
    /// Requests that got a shell of it.
    pub hits: u64,
    /// Requests for which it had none.
    pub misses: u64,
    /// Shells built.
    pub built: u64,
    /// Shells that could not be built, or were found broken.
    pub failed: u64,
    /// Shells that nobody used.
    pub discarded: u64,
}

/// Where a flavour comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlavourOrigin {
    /// The daemon's configuration.
    Declared,
    /// Requests.
    Learned,
    /// It is none any more; some of its shells are still being built.
    Withdrawn,
}

/// How a guest came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Built {
    /// Its domain was made for it.
    #[default]
    Directly,
    /// Its domain was there; its image was loaded.
    Blank,
    /// Its domain was there with its image in it.
    Loaded,
}
