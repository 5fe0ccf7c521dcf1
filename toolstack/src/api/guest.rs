//! Guests.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Built, DiskInfo, ErrorBody, NicInfo};
use crate::config::{ControlMode, GuestConfig, GuestName, GuestType, compact};
use crate::domain::Timings;
use crate::xen::ShutdownReason;

/// `POST /v1/guests`: make a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// What it is. Paths must be absolute.
    #[serde(serialize_with = "compact::serialize")]
    pub config: GuestConfig,
    /// What to wait for before the answer.
    #[serde(default)]
    pub wait: Wait,
    /// The longest wait; without it the daemon's own limit. The guest lives on when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Do not let it run yet; `POST …/unpause` does.
    #[serde(default)]
    pub paused: bool,
}

/// What to wait for when a guest is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// Nothing: the guest runs.
    #[default]
    None,
    /// The guest's first sign of life: an event on its channel.
    Event,
    /// The guest says that it has booted (noxs), or its first device is connected.
    Booted,
    /// The guest says that it serves (noxs), or all of its devices are connected.
    Ready,
}

/// The answer to [`CreateRequest`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CreateAnswer {
    /// The guest.
    pub guest: GuestSummary,
    /// What each stage of building it took; without those of a shell that was there.
    pub timings: Timings,
    /// How it came to be.
    #[serde(default)]
    pub built: Built,
    /// How long the wait took from its first instruction, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<f64>,
    /// Whether it was made before, by a request with the same key. Timings are those of then, and
    /// not known where another daemon made it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeated: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(it: &bool) -> bool {
    !it
}

/// The most guests of a [`BatchRequest`].
pub const MAX_BATCH: usize = 1000;

/// `POST /v1/guests:batch`: make guests, several at a time. With a key, each of them has its own, so
/// that asking again makes those that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// What to make, [`MAX_BATCH`] at most.
    #[schemars(length(max = MAX_BATCH))]
    pub guests: Vec<CreateRequest>,
}

/// The answer to [`BatchRequest`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchAnswer {
    /// What came of each, in their order: one that fails is no reason for another to.
    pub results: Vec<BatchResult>,
}

/// What came of a guest of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BatchResult {
    /// It was made.
    Created(Box<CreateAnswer>),
    /// It was not; with [`ErrorCode::Timeout`](super::ErrorCode::Timeout) it was, and not waited for
    /// any longer.
    Error(ErrorBody),
}

/// A guest in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuestSummary {
    /// Its name.
    pub name: GuestName,
    /// Its identity.
    pub uuid: Uuid,
    /// Its number in Xen, until it is built again.
    pub domid: u16,
    /// PVH or PV.
    #[serde(rename = "type")]
    pub guest_type: GuestType,
    /// Its channel; never [`ControlMode::Auto`].
    pub control: ControlMode,
    /// What the guest says about itself.
    pub report: Report,
    /// Its addresses: those it was given, or those it reports.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
}

/// How far a guest says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// It has said nothing.
    #[default]
    Booting,
    /// It has booted.
    Booted,
    /// It serves.
    Ready,
    /// It is on its way down.
    Stopping,
    /// It has crashed.
    Crashed,
}

/// `GET /v1/guests/{guest}`: everything about a guest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GuestInfo {
    /// In short.
    #[serde(flatten)]
    pub summary: GuestSummary,
    /// What it was made from.
    pub config: GuestConfig,
    /// Its network interfaces.
    #[serde(default)]
    pub nics: Vec<NicInfo>,
    /// Its disks.
    #[serde(default)]
    pub disks: Vec<DiskInfo>,
    /// Why its console was disconnected, when the daemon did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_fault: Option<String>,
    /// Why its store's connection was ended the last time, when the daemon did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_fault: Option<String>,
    /// The number with which it reported its state, as of a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_code: Option<u32>,
    /// How many watch its console.
    #[serde(default)]
    pub console_viewers: u32,
    /// Which of the daemon's threads serves it.
    #[serde(default)]
    pub shard: u32,
}

/// `POST /v1/guests/{guest}/{poweroff|reboot|suspend}`: ask a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// How long to wait for the guest to do it; without it, the answer comes at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Stop it without asking, and do what its configuration says.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/guests/{guest}/rename`: give a guest another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameRequest {
    /// What it is to be called.
    pub name: GuestName,
}

/// The answer to [`StopRequest`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StopAnswer {
    /// Its name.
    pub name: GuestName,
    /// Its identity.
    pub uuid: Uuid,
    /// Why it stopped, as Xen has it, where it has: it may have had a reason of its own.
    #[serde(default)]
    pub reason: Option<ShutdownReason>,
    /// What became of it.
    pub outcome: StopOutcome,
    /// The domain it lives in, or is kept in.
    #[serde(default)]
    pub domid: Option<u16>,
    /// The name under which the stopped domain was kept beside the new one.
    #[serde(default)]
    pub kept: Option<GuestName>,
    /// What building it again took.
    #[serde(default)]
    pub timings: Option<Timings>,
}

/// What became of a guest that was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopOutcome {
    /// It was asked, and was not waited for.
    Asked,
    /// It is gone.
    Destroyed,
    /// It was built again and runs.
    Restarted,
    /// Its domain was kept.
    Preserved,
}
