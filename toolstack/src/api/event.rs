//! What happens, told in order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Built, Report};
use crate::config::GuestName;
use crate::xen::ShutdownReason;

/// A line of `GET /v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number: each is greater than the one before, over restarts of the daemon too. They begin
    /// anew when the host boots.
    pub seq: u64,
    /// When it happened, in milliseconds since 1970.
    pub time_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happened {
    /// Nothing: here begins a stream that was asked for without a number.
    Begin,
    /// Events with these numbers are not to be had: too many came since, or another daemon told
    /// them. Look at how things are before going on.
    Gap {
        /// The first of them.
        first: u64,
        /// The last of them. Before `first` where the number that was asked for is none of this
        /// daemon's, as after a boot of the host; what follows is all that is kept.
        last: u64,
    },
    /// The daemon serves.
    DaemonStarted {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// A guest was made.
    GuestCreated {
        /// Which.
        guest: EventGuest,
        /// How it came to be.
        built: Built,
    },
    /// A guest of an earlier daemon is served again.
    GuestAdopted {
        /// Which.
        guest: EventGuest,
    },
    /// A guest says how far it is.
    GuestReported {
        /// Which.
        guest: EventGuest,
        /// What it says.
        report: Report,
    },
    /// A guest is held where it is.
    GuestPaused {
        /// Which.
        guest: EventGuest,
    },
    /// A guest goes on.
    GuestUnpaused {
        /// Which.
        guest: EventGuest,
    },
    /// A guest has another name.
    GuestRenamed {
        /// Which, under its new name.
        guest: EventGuest,
    },
    /// A guest stopped, and was built again.
    GuestRestarted {
        /// It in its new domain.
        guest: EventGuest,
        /// Why it stopped, as Xen has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ShutdownReason>,
    },
    /// A guest stopped; its domain is kept, and nobody serves it.
    GuestPreserved {
        /// Which.
        guest: EventGuest,
        /// Why it stopped, as Xen has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ShutdownReason>,
    },
    /// A guest is gone: it was destroyed, or stopped.
    GuestGone {
        /// Which it was.
        guest: EventGuest,
        /// Why it stopped, if it did by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<ShutdownReason>,
    },
    /// A guest got a network interface.
    NicAttached {
        /// Which guest.
        guest: EventGuest,
        /// The interface's number.
        index: u8,
    },
    /// A guest has lost a network interface.
    NicDetached {
        /// Which guest.
        guest: EventGuest,
        /// The interface's number.
        index: u8,
    },
    /// A guest got a disk.
    DiskAttached {
        /// Which guest.
        guest: EventGuest,
        /// The disk's number.
        index: u8,
    },
    /// A guest has lost a disk.
    DiskDetached {
        /// Which guest.
        guest: EventGuest,
        /// The disk's number.
        index: u8,
    },
    /// There is another network.
    NetworkCreated {
        /// Its name.
        network: String,
    },
    /// A network is gone.
    NetworkDeleted {
        /// Its name.
        network: String,
    },
    /// Shells of a kind are kept as somebody asked.
    FlavourAdded {
        /// The flavour's number.
        flavour: u64,
    },
    /// Shells of a kind are kept no longer.
    FlavourRemoved {
        /// The flavour's number.
        flavour: u64,
    },
    /// A shell for the pool could not be built.
    ShellFailed {
        /// Why.
        message: String,
    },
    /// Something that this version does not know.
    #[schemars(skip)]
    #[serde(other)]
    Unknown,
}

/// The guest of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventGuest {
    /// Its name.
    pub name: GuestName,
    /// Its identity.
    pub uuid: Uuid,
    /// Its number in Xen.
    pub domid: u16,
}
