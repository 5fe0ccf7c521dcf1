//! What a disk has done for its guest.

use serde::Serialize;

/// Counters of one disk since it was attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockStats {
    /// Reads asked for and let in.
    pub reads: u64,
    /// Writes asked for and let in.
    pub writes: u64,
    /// Bytes read, without error.
    pub bytes_read: u64,
    /// Bytes written, without error.
    pub bytes_written: u64,
    /// Flushes and barriers let in.
    pub flushes: u64,
    /// Discards let in.
    pub discards: u64,
    /// Requests that the disk failed.
    pub errors: u64,
    /// Requests that make no sense, or that the guest may not ask.
    pub refused: u64,
    /// Requests with pages that the guest does not grant.
    pub bad_grants: u64,
    /// Times that a request waited for its rate limit.
    pub throttled: u64,
    /// Requests not answered at the moment.
    pub in_flight: u32,
}

impl From<BlockStats> for lightvm::api::DeviceStats {
    fn from(stats: BlockStats) -> Self {
        lightvm::api::DeviceStats {
            in_bytes: stats.bytes_read,
            in_count: stats.reads,
            out_bytes: stats.bytes_written,
            out_count: stats.writes,
            errors: stats.errors + stats.refused + stats.bad_grants,
            flushes: stats.flushes,
            queued: stats.in_flight.into(),
            throttled: stats.throttled,
            ..Self::default()
        }
    }
}
