//! Waiting after failures.

use std::time::Duration;

use super::settings::Settings;

/// Numbers that look random and are the same for the same seed: `splitmix64` of Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Jitter(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between half of `wait` and all of it.
    fn shorten(&mut self, wait: Duration) -> Duration {
        let parts = u32::try_from(self.next() >> 33).unwrap_or(0) % 1024;
        wait / 2 + wait / 2 * parts / 1024
    }
}

/// A flavour's failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Duration,
}

impl Backoff {
    /// Notes a failure: the wait doubles.
    pub(super) fn failed(&mut self, now: Duration, settings: &Settings, jitter: &mut Jitter) {
        let doubled = 2_u32.saturating_pow(self.failures.min(31));
        let wait = settings.retry_first.saturating_mul(doubled).min(settings.retry_most);
        self.failures = self.failures.saturating_add(1);
        self.until = now.saturating_add(jitter.shorten(wait));
    }

    /// Notes a success.
    pub(super) fn worked(&mut self) {
        *self = Backoff::default();
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Until when nothing is tried, if something failed last.
    pub(super) fn until(&self) -> Option<Duration> {
        (self.failures > 0).then_some(self.until)
    }

    /// Whether something may be tried while `building` tries are under way: after a
    /// failure one at a time.
    pub(super) fn allows(&self, now: Duration, building: u32) -> bool {
        self.failures == 0 || (now >= self.until && building == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_success() {
        let settings = Settings::default();
        let (mut backoff, mut jitter) = (Backoff::default(), Jitter::new(7));
        let mut now = Duration::ZERO;
        for failures in 0..40_u32 {
            backoff.failed(now, &settings, &mut jitter);
            let full = settings.retry_first.saturating_mul(2_u32.saturating_pow(failures));
            let full = full.min(settings.retry_most);
            let wait = backoff.until().unwrap() - now;
            assert!(wait >= full / 2 && wait <= full, "{failures}: {wait:?} of {full:?}");
            assert!(!backoff.allows(now, 0));
            now += wait;
            assert!(backoff.allows(now, 0) && !backoff.allows(now, 1));
        }
        backoff.worked();
        assert!(backoff.allows(Duration::ZERO, 5) && backoff.until().is_none());
    }

    #[test]
    fn jitter_is_the_seed_s() {
        let waits = |seed| {
            let mut jitter = Jitter::new(seed);
            [(); 8].map(|()| jitter.shorten(Duration::from_secs(1)))
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
