//! What came out of a run, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_daemon::pool::FlavourId;

/// What came out of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Requests.
    pub(crate) requests: u32,
    /// Of those, served from loaded shells.
    pub(crate) loaded: u32,
    /// Served from blank shells.
    pub(crate) blank: u32,
    /// Refused for want of memory.
    pub(crate) refused: u32,
    /// From each request to its running guest, in their order.
    pub(crate) waits: Vec<Duration>,
    /// Shells built, used or not.
    pub(crate) built: u32,
    /// Shells that could not be built.
    pub(crate) failed: u32,
    /// Shells destroyed unused.
    pub(crate) discarded: u32,
    /// KiB that the pool took, summed over seconds.
    pub(crate) kib_seconds: f64,
    /// The most that it took, in KiB.
    pub(crate) most_kib: u64,
    /// The time that passed.
    pub(crate) lasted: Duration,
    /// Guests that still waited for memory at the end.
    pub(crate) waiting: usize,
    /// Shells there were at the end, by flavour.
    pub(crate) ready: BTreeMap<FlavourId, u32>,
}

impl Outcome {
    /// Of a thousand requests, how many got a shell.
    pub(crate) fn hits_per_mille(&self) -> u32 {
        (self.loaded + self.blank) * 1000 / self.requests.max(1)
    }

    /// The wait that this many of a thousand requests did not exceed.
    pub(crate) fn wait(&self, per_mille: usize) -> Duration {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let index = (waits.len() * per_mille / 1000).min(waits.len().saturating_sub(1));
        waits.get(index).copied().unwrap_or_default()
    }

    /// The MiB that the pool took on average.
    pub(crate) fn mean_mib(&self) -> f64 {
        self.kib_seconds / 1024.0 / self.lasted.as_secs_f64()
    }
}
