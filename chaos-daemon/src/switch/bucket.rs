//! Token buckets: so much per second, and a burst.

use std::time::{Duration, Instant};

/// Lets `rate` units per second pass on average and `burst` at once. A packet passes
/// when there is any unit left and may leave a debt, which later ones wait for.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: u64,
    burst: i64,
    /// What there is, in units per 2^20: fine enough for one packet an hour.
    level: i64,
    filled: Instant,
}

const SCALE: i64 = 1 << 20;
const MOST: u64 = 1 << 40;
/// The longest time without a packet that counts.
const LONGEST: Duration = Duration::from_secs(3600);

fn scaled(units: u64) -> i64 {
    i64::try_from(units.min(MOST)).map_or(i64::MAX, |units| units * SCALE)
}

impl Bucket {
    /// A full bucket. `burst` is at least 1; both are cut at 2^40.
    pub fn new(rate: u64, burst: u64, now: Instant) -> Self {
        let burst = scaled(burst.max(1));
        Bucket { rate: rate.min(MOST), burst, level: burst, filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).min(LONGEST).as_nanos();
        let gained = passed * (u128::from(self.rate) << 20) / 1_000_000_000;
        if gained > 0 {
            let gained = i64::try_from(gained).unwrap_or(i64::MAX);
            self.level = self.level.saturating_add(gained).min(self.burst);
            self.filled = now;
        }
    }

    /// Whether a packet may pass now.
    pub fn ready(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= SCALE
    }

    /// Takes `units`, which leaves a debt if there are fewer.
    pub fn spend(&mut self, units: u64) {
        self.level = self.level.saturating_sub(scaled(units)).max(i64::MIN / 2);
    }

    /// Takes `units` if a packet may pass.
    pub fn take(&mut self, units: u64, now: Instant) -> bool {
        let ready = self.ready(now);
        if ready {
            self.spend(units);
        }
        ready
    }

    /// When the next packet may pass; an hour from now where that is not sooner.
    pub fn ready_at(&mut self, now: Instant) -> Instant {
        self.fill(now);
        let missing = u128::try_from(SCALE - self.level).unwrap_or(0);
        let nanos = (missing * 1_000_000_000).div_ceil(u128::from(self.rate.max(1)) << 20);
        now + u64::try_from(nanos).map_or(LONGEST, Duration::from_nanos).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, 3, start);
        assert_eq!((0..5).filter(|_| bucket.take(1, start)).count(), 3);
        let later = bucket.ready_at(start);
        assert_eq!(later - start, Duration::from_millis(1));
        assert!(bucket.take(1, later));
        assert!(!bucket.take(1, later));
    }

    #[test]
    fn a_large_packet_is_paid_for_afterwards() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, 10, start);
        assert!(bucket.take(1010, start));
        assert!(!bucket.ready(start + Duration::from_millis(1000)));
        assert!(bucket.ready(start + Duration::from_millis(1001)));
    }

    #[test]
    fn a_rate_of_zero_lets_the_burst_pass_alone() {
        let start = Instant::now();
        let mut bucket = Bucket::new(0, 1, start);
        assert!(bucket.take(1, start));
        assert!(!bucket.take(1, start + Duration::from_secs(100_000)));
    }

    proptest! {
        #[test]
        fn never_more_than_rate_and_burst(
            rate in 1..10_000_000u64,
            burst in 1..1_000_000u64,
            packets in proptest::collection::vec((1..70_000u64, 0..5_000_000u64), 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate, burst, start);
            let (mut now, mut passed, mut last) = (start, 0u128, 0);
            for (size, wait) in packets {
                now += Duration::from_nanos(wait);
                if bucket.take(size, now) {
                    passed += u128::from(size);
                    last = size;
                }
            }
            let allowed = u128::from(burst)
                + (now - start).as_nanos() * u128::from(rate) / 1_000_000_000
                + u128::from(last);
            prop_assert!(passed <= allowed, "{passed} of {allowed}");
        }

        #[test]
        fn it_is_ready_when_it_says(rate in 1..10_000_000u64, size in 1..70_000u64) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate, 100, start);
            bucket.take(size, start);
            let at = bucket.ready_at(start);
            prop_assert!(at >= start + LONGEST || bucket.ready(at + Duration::from_nanos(1)));
        }
    }
}
