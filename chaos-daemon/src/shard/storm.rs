//! A bound on how much of its shard a guest may have without bringing it work.
//!
//! A port that fired stays masked until it is served and unmasked. A guest that has used up
//! its allowance waits until it has earned what it owes: nothing of its work is lost, it is
//! done in fewer, larger pieces, and its neighbours keep the time. What a turn costs is what
//! came of it: real work is nearly free, or a busy guest would be a hostile one. Errands are paid
//! by the time they take: what a guest prints, logs and asks its store is work of its own making.

use std::time::{Duration, Instant};

use lightvm::api::DeviceStats;

/// Turns: what a guest may save up, and what it earns each second.
const TURNS: Terms = Terms { burst: 1000, rate: 10_000 };
/// Errands, in microseconds: a fifth of a processor, and a tenth of a second at once.
const ERRANDS: Terms = Terms { burst: 100_000, rate: 200_000 };
/// What the thread that writes a piece of console or a record to a file takes for it.
pub(super) const WRITTEN: Duration = Duration::from_micros(20);
/// The shortest wait of a guest that owes. Long, so that few of its turns fall among others'.
const HOLD: Duration = Duration::from_millis(5);
/// The longest: a guest that stops is not punished for long.
const LONGEST: Duration = Duration::from_millis(100);
/// What a wake costs that brought work.
const WAKE: i64 = 1;
/// What a turn costs that was for nothing, or for what is wrong alone.
const EMPTY: i64 = 10;
/// What it costs to connect or disconnect a device: pages are mapped, the switch is told.
const CONNECTION: i64 = 100;

/// What a turn was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effort {
    /// The guest raised an event for it.
    pub(super) woken: bool,
    /// A device moved data, the store was asked, a record was taken.
    pub(super) worked: bool,
    /// Something was wrong, dropped or refused.
    pub(super) wrong: bool,
    /// Devices that were connected or disconnected.
    pub(super) connections: u32,
    /// What its console, its log and its store took.
    pub(super) errand: Duration,
}

impl Effort {
    /// Takes in what a device has done.
    pub(super) fn of_device(&mut self, before: &DeviceStats, after: &DeviceStats) {
        let work =
            |of: &DeviceStats| [of.in_count, of.out_count, of.in_bytes, of.out_bytes, of.flushes];
        self.worked |= work(before) != work(after);
        let wrong = |of: &DeviceStats| [of.errors, of.out_dropped];
        self.wrong |= wrong(before) != wrong(after);
    }

    /// Takes in what became of log records: those that were written, and those of them that
    /// were dropped.
    pub(super) fn of_log(&mut self, before: (u64, u64), after: (u64, u64)) {
        let (all, dropped) = (after.0 - before.0, after.1 - before.1);
        self.worked |= all > dropped;
        self.wrong |= dropped > 0;
        self.errand += WRITTEN * u32::try_from(all.saturating_sub(dropped)).unwrap_or(u32::MAX);
    }

    fn price(self) -> i64 {
        let turn = match (self.woken, self.worked, self.wrong) {
            (true, true, _) => WAKE,
            (true, false, _) | (false, false, true) => EMPTY,
            (false, ..) => 0,
        };
        turn + CONNECTION * i64::from(self.connections)
    }
}

/// What an account has at most, and what it earns each second.
#[derive(Clone, Copy, Debug)]
struct Terms {
    burst: i64,
    rate: i64,
}

#[derive(Clone, Debug)]
struct Account {
    terms: Terms,
    /// Below zero: it owes.
    left: i64,
    refilled: Instant,
}

impl Account {
    fn new(terms: Terms, now: Instant) -> Account {
        Account { terms, left: terms.burst, refilled: now }
    }

    /// Books a price. Answers how long it takes to earn what is owed then, 5 to 100 ms.
    fn pay(&mut self, now: Instant, price: i64) -> Option<Duration> {
        self.refill(now);
        if price == 0 {
            return None;
        }
        let rate = self.terms.rate;
        let most = rate * i64::try_from(LONGEST.as_millis()).unwrap_or(0) / 1000;
        self.left = self.left.saturating_sub(price).max(-most);
        let owed = Duration::from_micros((self.left.min(0) * 1_000_000 / rate).unsigned_abs());
        (self.left < 0).then(|| owed.max(HOLD))
    }

    fn refill(&mut self, now: Instant) {
        let Terms { burst, rate } = self.terms;
        let passed = now.saturating_duration_since(self.refilled).as_micros();
        let gained =
            i64::try_from(passed).unwrap_or(i64::MAX / rate).saturating_mul(rate) / 1_000_000;
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(burst);
            self.refilled = now;
        }
    }
}

/// One guest's allowance.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    turns: Account,
    errands: Account,
    held: u64,
}

impl Storm {
    pub(super) fn new(now: Instant) -> Storm {
        Storm { turns: Account::new(TURNS, now), errands: Account::new(ERRANDS, now), held: 0 }
    }

    /// Books a turn. Answers until when the guest has to wait; `None`: it may go on.
    pub(super) fn turn(&mut self, now: Instant, effort: Effort) -> Option<Instant> {
        let errand = i64::try_from(effort.errand.as_micros()).unwrap_or(i64::MAX);
        let waits = [self.turns.pay(now, effort.price()), self.errands.pay(now, errand)];
        let wait = waits.into_iter().flatten().max()?;
        self.held += 1;
        Some(now + wait)
    }

    /// How often it had to wait.
    pub(super) fn held(&self) -> u64 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTHING: Effort =
        Effort { woken: true, worked: false, wrong: false, connections: 0, errand: Duration::ZERO };
    const WORK: Effort = Effort { worked: true, ..NOTHING };

    #[test]
    fn an_ordinary_guest_is_never_held() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        let more = Effort { woken: false, ..WORK };
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            assert!((0..8).all(|_| storm.turn(now, WORK).is_none()));
            assert!((0..50).all(|_| storm.turn(now, more).is_none()));
        }
        assert_eq!(storm.held(), 0);
    }

    #[test]
    fn wrong_requests_without_an_event_are_not_free() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        let wrong = Effort { wrong: true, ..Effort::default() };
        assert!((0..100).all(|_| storm.turn(start, wrong).is_none()));
        assert_eq!(storm.turn(start, wrong), Some(start + HOLD));
        assert_eq!(storm.turn(start, Effort::default()), None);
    }

    #[test]
    fn a_device_that_comes_and_goes_costs_more_and_a_wait_is_bounded() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        let two = Effort { connections: 2, ..WORK };
        assert_eq!((0..100).filter(|_| storm.turn(start, two).is_none()).count(), 4);
        let wait = storm.turn(start, two).unwrap() - start;
        assert_eq!(wait, LONGEST);
        assert_eq!(storm.turn(start + LONGEST * 2, WORK), None);
    }

    #[test]
    fn errands_get_a_fifth_of_the_time() {
        let start = Instant::now();
        let (mut storm, mut now, mut spent) = (Storm::new(start), start, Duration::ZERO);
        let errand = Effort { errand: Duration::from_micros(90), ..WORK };
        while now < start + Duration::from_secs(10) {
            now += errand.errand;
            spent += errand.errand;
            now = storm.turn(now, errand).unwrap_or(now);
        }
        let share = spent.as_secs_f64() / now.duration_since(start).as_secs_f64();
        assert!((0.19..0.23).contains(&share), "{share}");
        // Who does as much as a system that boots, and rests, is never held.
        let mut storm = Storm::new(now);
        assert!((0..1000).all(|_| storm.turn(now, errand).is_none()));
        assert_eq!(storm.turn(now + Duration::from_secs(1), errand), None);
    }

    proptest! {
        #[test]
        fn wakes_are_bounded_however_they_come(gaps in prop::collection::vec(0u64..300, 1..3000)) {
            let start = Instant::now();
            let (mut storm, mut now, mut turns) = (Storm::new(start), start, 0i64);
            for gap in gaps {
                now += Duration::from_micros(gap);
                turns += 1;
                // Whoever has to wait does.
                now = storm.turn(now, NOTHING).unwrap_or(now);
            }
            let passed = i64::try_from(now.duration_since(start).as_micros()).unwrap();
            let bound = (TURNS.burst + passed * TURNS.rate / 1_000_000) / EMPTY + 2;
            prop_assert!(turns <= bound, "{turns} of {bound}");
        }
    }
}
