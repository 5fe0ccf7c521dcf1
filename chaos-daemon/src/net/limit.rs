//! How much an interface may send per second.

use std::num::NonZeroU64;
use std::time::Instant;

use lightvm::config::Rate;

use crate::switch::bucket::Bucket;

/// What may pass at once is what passes in this part of a second ...
const BURST: u64 = 20;
/// ... but never less than these many bytes, a long packet.
const LEAST_BURST: u64 = 65_536;

/// A limit on bytes, on packets, on both or on nothing.
#[derive(Debug, Default)]
pub(super) struct Limit {
    bytes: Option<Bucket>,
    packets: Option<Bucket>,
}

impl Limit {
    pub(super) fn new(rate: Option<Rate>, now: Instant) -> Limit {
        let bucket = |rate: Option<NonZeroU64>, least: u64| {
            rate.map(|rate| Bucket::new(rate.get(), (rate.get() / BURST).max(least), now))
        };
        let rate = rate.unwrap_or_default();
        Limit {
            bytes: bucket(rate.bytes_per_s, LEAST_BURST),
            packets: bucket(rate.packets_per_s, 1),
        }
    }

    /// When the next packet may pass, if not now.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Instant> {
        let buckets = [&mut self.bytes, &mut self.packets];
        let later = buckets
            .into_iter()
            .flatten()
            .filter_map(|bucket| (!bucket.ready(now)).then(|| bucket.ready_at(now)));
        later.max()
    }

    /// Takes note of a packet.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.bytes.iter_mut().for_each(|bucket| bucket.spend(bytes));
        self.packets.iter_mut().for_each(|bucket| bucket.spend(1));
    }
}
