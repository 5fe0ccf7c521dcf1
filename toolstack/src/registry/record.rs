//! What is known of a guest.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::build::{Channel, ConsoleRing};
use crate::config::{GuestConfig, GuestName, GuestType, compact};
use crate::xen::{DomId, DomainInfo};

/// What is written down about a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub name: GuestName,
    /// Its identity.
    pub uuid: Uuid,
    /// The domain it lives in.
    pub domid: DomId,
    /// PVH or PV.
    pub guest_type: GuestType,
    /// Where its console is.
    pub console: ConsoleRing,
    /// Its channel; nothing for a guest made without the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Seconds since 1970 when it was created.
    pub created: u64,
    /// What it was made from.
    #[serde(serialize_with = "compact::serialize")]
    pub config: GuestConfig,
}

/// A domain and what is written down about it; nothing is for domains that another
/// toolstack made.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What Xen knows.
    pub info: DomainInfo,
    /// What the registry knows.
    pub record: Option<Record>,
}
