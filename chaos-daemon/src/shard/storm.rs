//! A bound on how often a guest may wake its shard.
//!
//! A port that fired stays masked until it is served and unmasked. A guest that has
//! used up its allowance stays masked a little longer: nothing of its work is lost, it
//! is done in fewer, larger pieces, and its neighbours keep the time.

use std::time::{Duration, Instant};

/// Wakes a guest may save up.
const BURST: u32 = 1000;
/// Wakes a guest gets back each second.
const RATE: u32 = 10_000;
/// How long a port of a guest without allowance stays masked.
const HOLD: Duration = Duration::from_millis(1);
/// What a wake counts that brought no work.
const EMPTY: u32 = 10;

/// One guest's allowance.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    left: u32,
    refilled: Instant,
    held: u64,
}

impl Storm {
    pub(super) fn new(now: Instant) -> Storm {
        Storm { left: BURST, refilled: now, held: 0 }
    }

    /// Books a wake, one that brought work or not. Answers until when its port has to
    /// stay masked; `None`: it may fire again at once.
    pub(super) fn woke(&mut self, now: Instant, work: bool) -> Option<Instant> {
        self.refill(now);
        let price = if work { 1 } else { EMPTY };
        if self.left >= price {
            self.left -= price;
            return None;
        }
        self.held += 1;
        Some(now + HOLD)
    }

    /// How often its port was kept masked.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled).as_micros();
        let gained = passed * u128::from(RATE) / 1_000_000;
        if gained > 0 {
            let gained = u32::try_from(gained).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(gained).min(BURST);
            self.refilled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_guest_is_never_held() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            assert!((0..8).all(|_| storm.woke(now, true).is_none()));
        }
        assert_eq!(storm.held(), 0);
    }

    proptest! {
        #[test]
        fn wakes_are_bounded_however_they_come(gaps in prop::collection::vec(0u64..300, 1..3000)) {
            let start = Instant::now();
            let (mut storm, mut now, mut free) = (Storm::new(start), start, 0u64);
            for gap in gaps {
                now += Duration::from_micros(gap);
                free += u64::from(storm.woke(now, true).is_none());
            }
            let passed = now.duration_since(start).as_micros();
            let bound = u128::from(BURST) + passed * u128::from(RATE) / 1_000_000 + 1;
            prop_assert!(u128::from(free) <= bound, "{free} of {bound}");
        }
    }
}
