//! How much of a flavour is asked for.

use std::time::Duration;

/// Parts in which the memory of bursts passes away.
const PARTS: usize = 8;
/// Horizon of the rate that follows at once.
const FAST: Duration = Duration::from_secs(10);
/// Horizon of the rate that remembers.
const SLOW: Duration = Duration::from_secs(600);
/// Time to build a shell before one was built.
const UNKNOWN_BUILD: Duration = Duration::from_millis(10);

/// The demand for one flavour.
///
/// Its main part is the *backlog*: requests since the shelf was last full, less the shells built
/// since. The highest backlog of the past is the depth with which every request would have found
/// a shell; it grows with the size of bursts and with the time that building takes, whatever it is
/// that makes building slow.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    fast: Rate,
    slow: Rate,
    backlog: u32,
    peaks: Peaks,
    build: Option<Duration>,
}

impl Demand {
    /// No demand yet; bursts are remembered for `memory`.
    pub(super) fn new(memory: Duration, now: Duration) -> Self {
        let rate = |horizon| Rate { per_second: 0.0, at: now, horizon };
        let peaks = Peaks::new(memory, now);
        Demand { fast: rate(FAST), slow: rate(SLOW), backlog: 0, peaks, build: None }
    }

    /// Remembers bursts for `memory` from now on.
    pub(super) fn remember(&mut self, memory: Duration) {
        self.peaks.step = Peaks::step(memory);
    }

    /// Notes a request.
    pub(super) fn asked(&mut self, now: Duration) {
        self.fast.count(now);
        self.slow.count(now);
        self.backlog = self.backlog.saturating_add(1);
        self.peaks.note(self.backlog, now);
    }

    /// Notes a shell that was built in `took`.
    pub(super) fn built(&mut self, took: Duration) {
        self.backlog = self.backlog.saturating_sub(1);
        self.build = Some(self.build.map_or(took, |mean| (mean * 7 + took) / 8));
    }

    /// Notes that there are as many shells as there should be, or that none can be built: what
    /// was missed until now says nothing about the next burst.
    pub(super) fn settled(&mut self) {
        self.backlog = 0;
    }

    /// Shells that would serve what is known to come.
    pub(super) fn depth(&mut self, now: Duration) -> u32 {
        self.peaks.most(now).max(self.on_the_way(now))
    }

    /// Twice the requests that are expected while a shell is built.
    fn on_the_way(&self, now: Duration) -> u32 {
        let build = self.build.unwrap_or(UNKNOWN_BUILD);
        let expected = self.per_second(now) * build.as_secs_f64();
        // Less than half a request in the time of a build needs no shell of its own.
        if expected < 0.5 { 0 } else { whole(expected * 2.0) }
    }

    /// Requests per second: the higher of the two rates.
    pub(super) fn per_second(&self, now: Duration) -> f64 {
        self.fast.at(now).max(self.slow.at(now))
    }

    /// When [`Demand::depth`] may next fall of its own accord.
    pub(super) fn falls_at(&self) -> Option<Duration> {
        self.peaks.falls_at()
    }
}

/// The next whole number, at most `u32::MAX`.
fn whole(count: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest number that there is"
    )]
    let whole = count.ceil() as u32;
    whole
}

/// An exponentially weighted rate.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    at: Duration,
    horizon: Duration,
}

impl Rate {
    fn at(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.per_second * (-passed / self.horizon.as_secs_f64()).exp()
    }

    fn count(&mut self, now: Duration) {
        self.per_second = self.at(now) + 1.0 / self.horizon.as_secs_f64();
        self.at = now.max(self.at);
    }
}

/// The highest of some numbers over a window that slides in [`PARTS`] steps.
#[derive(Clone, Debug)]
struct Peaks {
    parts: [u32; PARTS],
    /// The part that `until` ends.
    current: usize,
    until: Duration,
    step: Duration,
}

impl Peaks {
    fn new(window: Duration, now: Duration) -> Self {
        let step = Peaks::step(window);
        Peaks { parts: [0; PARTS], current: 0, until: now + step, step }
    }

    fn step(window: Duration) -> Duration {
        let parts = u32::try_from(PARTS).unwrap_or(u32::MAX);
        (window / parts).max(Duration::from_millis(1))
    }

    fn slide(&mut self, now: Duration) {
        for _ in 0..PARTS {
            if now < self.until {
                return;
            }
            self.current = (self.current + 1) % PARTS;
            self.parts[self.current] = 0;
            self.until += self.step;
        }
        if now >= self.until {
            // All of it has passed.
            self.until = now + self.step;
        }
    }

    fn note(&mut self, number: u32, now: Duration) {
        self.slide(now);
        self.parts[self.current] = self.parts[self.current].max(number);
    }

    fn most(&mut self, now: Duration) -> u32 {
        self.slide(now);
        self.parts.into_iter().max().unwrap_or(0)
    }

    fn falls_at(&self) -> Option<Duration> {
        self.parts.iter().any(|&peak| peak > 0).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_remembered_and_then_forgotten() {
        let mut demand = Demand::new(8 * MINUTE, Duration::ZERO);
        (0..50).for_each(|_| demand.asked(at(5)));
        demand.settled();
        assert_eq!(demand.depth(at(10)), 50);
        assert_eq!(demand.depth(6 * MINUTE), 50);
        assert_eq!(demand.depth(8 * MINUTE), 0);
        assert_eq!(demand.falls_at(), None);
    }

    #[test]
    fn requests_that_building_keeps_up_with_need_little() {
        let mut demand = Demand::new(8 * MINUTE, Duration::ZERO);
        for n in 0..1000 {
            demand.asked(at(n * 10));
            demand.built(at(2));
        }
        assert_eq!(demand.depth(at(10_000)), 1);
    }

    #[test]
    fn requests_that_outrun_building_need_ever_more() {
        let mut demand = Demand::new(8 * MINUTE, Duration::ZERO);
        for n in 0..1000 {
            demand.asked(at(n * 10));
            if n % 2 == 0 {
                demand.built(at(20));
            }
        }
        assert_eq!(demand.depth(at(10_000)), 500);
    }

    #[test]
    fn a_slow_build_is_begun_before_it_is_asked_for() {
        let mut demand = Demand::new(8 * MINUTE, Duration::ZERO);
        demand.built(Duration::from_secs(1));
        for n in 0..600 {
            demand.asked(at(n * 100));
            demand.settled();
        }
        // Ten requests a second, a second each, twice that; the rate is nearly steady.
        assert!((18..=21).contains(&demand.depth(MINUTE)), "{}", demand.depth(MINUTE));
    }

    #[test]
    fn rates_pass_away_each_in_its_time() {
        let mut demand = Demand::new(MINUTE, Duration::ZERO);
        (0..100).for_each(|n| demand.asked(at(n * 10)));
        let at_once = demand.per_second(at(1000));
        assert!(at_once > 9.0, "{at_once}");
        let later = demand.per_second(MINUTE * 2);
        assert!(later < 0.2 && later > 0.1, "{later}");
    }
}
