//! Log records that guests write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A log record of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRecord {
    /// Number in the guest's log, from 0; gaps are records that were dropped.
    pub seq: u64,
    /// When the guest wrote it, since its boot.
    pub time_ns: u64,
    /// When it came to the daemon, in milliseconds since 1970.
    pub received_ms: u64,
    /// As in syslog: 0 is an emergency, 7 is for debugging.
    pub severity: u8,
    /// The text; what is no UTF-8 is replaced.
    pub text: String,
}

/// `GET /v1/guests/{guest}/records`: what is kept, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRecords {
    /// The records.
    pub records: Vec<LogRecord>,
    /// Records that were lost: the guest had no room, or they are no longer kept.
    pub dropped: u64,
}
