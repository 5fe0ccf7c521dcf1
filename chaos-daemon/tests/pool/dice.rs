//! Numbers that look random and are the same in every run.

use std::time::Duration;

/// `splitmix64`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap_or(0)
    }

    /// Between 0 and 1, never 0.
    pub(crate) fn part(&mut self) -> f64 {
        (f64::from(self.below(1 << 30)) + 1.0) / f64::from(1 << 30)
    }

    /// The time to the next of events that come by themselves, `mean` apart on average.
    pub(crate) fn pause(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-self.part().ln())
    }
}
