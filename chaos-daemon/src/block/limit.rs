//! Limits on how fast a guest may use its disk.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// What may be used in advance of its time.
const BURST: Duration = Duration::from_millis(100);

/// What a guest may do in a second; `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskRate {
    /// Requests.
    pub requests: Option<NonZeroU64>,
    /// Bytes read and written.
    pub bytes: Option<NonZeroU64>,
}

impl From<lightvm::config::DiskRate> for DiskRate {
    fn from(rate: lightvm::config::DiskRate) -> DiskRate {
        DiskRate { requests: rate.requests_per_s, bytes: rate.bytes_per_s }
    }
}

/// Keeps account of a [`DiskRate`].
#[derive(Debug)]
pub struct Limit {
    requests: Option<Meter>,
    bytes: Option<Meter>,
}

impl Limit {
    /// Nothing used yet.
    pub fn new(rate: DiskRate, now: Instant) -> Limit {
        let meter = |per_second| Meter { per_second, paid: now };
        Limit { requests: rate.requests.map(meter), bytes: rate.bytes.map(meter) }
    }

    /// When the next request may start, unless that is now.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let meters = self.requests.iter().chain(&self.bytes);
        meters.filter_map(|meter| meter.wait(now)).max()
    }

    /// A request starts.
    pub fn spend(&mut self, now: Instant, bytes: u64) {
        for (meter, amount) in [(&mut self.requests, 1), (&mut self.bytes, bytes)] {
            if let Some(meter) = meter {
                meter.spend(now, amount);
            }
        }
    }
}

/// One limit: until when everything used so far is paid for.
#[derive(Debug)]
struct Meter {
    per_second: NonZeroU64,
    paid: Instant,
}

impl Meter {
    fn wait(&self, now: Instant) -> Option<Instant> {
        let start = self.paid.checked_sub(BURST)?;
        (start > now).then_some(start)
    }

    fn spend(&mut self, now: Instant, amount: u64) {
        let nanoseconds = u128::from(amount) * 1_000_000_000 / u128::from(self.per_second.get());
        let time = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let from = self.paid.max(now);
        // A rate so low that its time cannot be told: a day at a time.
        self.paid = from.checked_add(time).unwrap_or(from + Duration::from_secs(86_400));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_in_a_second_is_the_rate_and_one_burst() {
        let start = Instant::now();
        let rate = DiskRate { requests: NonZeroU64::new(1000), bytes: None };
        let mut limit = Limit::new(rate, start);
        let (mut now, mut started) = (start, 0);
        while now < start + Duration::from_secs(1) {
            match limit.wait(now) {
                Some(later) => now = later,
                None => {
                    limit.spend(now, 4096);
                    started += 1;
                }
            }
        }
        assert!((1000..=1101).contains(&started), "{started}");
    }

    #[test]
    fn the_stricter_limit_counts_and_idle_time_is_no_credit() {
        let start = Instant::now();
        let rate = DiskRate { requests: NonZeroU64::new(1000), bytes: NonZeroU64::new(1 << 20) };
        let mut limit = Limit::new(rate, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.wait(later), None);
        limit.spend(later, 1 << 20);
        assert_eq!(limit.wait(later), Some(later + Duration::from_millis(900)));
    }

    #[test]
    fn no_limit_never_waits() {
        let now = Instant::now();
        let mut limit = Limit::new(DiskRate::default(), now);
        limit.spend(now, u64::MAX);
        assert_eq!(limit.wait(now), None);
    }
}
