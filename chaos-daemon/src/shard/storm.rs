//! A bound on how much of its shard a guest may have without bringing it work.
//!
//! A port that fired stays masked until it is served and unmasked. A guest that has used up
//! an allowance waits until it has earned what it owes: nothing of its work is lost, it is
//! done in fewer, larger pieces, and its neighbours keep the time. There are three:
//!
//! * *turns*: real work is nearly free, or a busy guest would be a hostile one;
//! * *calls* for nothing, or for what is wrong alone: a few, and those that real work makes up
//!   for. What they cost is little, but a guest that is woken when such a call is served
//!   meets it;
//! * *errands*, paid by the time they take: what a guest prints, logs and asks its store is
//!   work of its own making.

use std::time::{Duration, Instant};

use lightvm::api::DeviceStats;
use nix::time::{ClockId, clock_gettime};

/// Turns, ten of them for one without work.
const TURNS: Terms = Terms { burst: 1000, rate: 10_000, hold: Duration::from_millis(1) };
/// Calls for nothing.
const CALLS: Terms = Terms { burst: 16, rate: 32, hold: Duration::from_millis(30) };
/// Microseconds of errands: a fortieth of a processor, done in few pieces. Xen leaves a vCPU that has
/// just begun to run alone for a millisecond, so that whatever else waits is done right after it:
/// on a host with one CPU, an errand each millisecond is one before every answer to a neighbour.
const ERRANDS: Terms = Terms { burst: 20_000, rate: 25_000, hold: Duration::from_millis(10) };
/// The longest wait: a guest that stops is not punished for long.
const LONGEST: Duration = Duration::from_millis(100);
/// What a wake costs that brought work, in turns.
const WAKE: i64 = 1;
/// What a turn costs that was for nothing, or for what is wrong alone.
const EMPTY: i64 = 10;
/// What it costs to connect or disconnect a device: pages are mapped, the switch is told.
const CONNECTION: i64 = 100;
/// What the thread that writes a piece of console or a record to a file takes for it.
pub(super) const WRITTEN: Duration = Duration::from_micros(40);
/// What it takes to find out that a request, packet or position is wrong, and to say so.
const WRONG: Duration = Duration::from_micros(3);

/// What this thread has used of a processor: errands are paid by it, and cost no more on a host
/// that is busy with something else.
pub(super) fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// What it has used since it had used `began`.
pub(super) fn since(began: Duration) -> Duration {
    used().saturating_sub(began)
}

/// What a turn was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effort {
    /// The guest raised an event for it.
    pub(super) woken: bool,
    /// A device moved data, the store was asked, a record was taken.
    pub(super) worked: bool,
    /// How much was wrong, dropped or refused.
    pub(super) wrong: u64,
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
        // A request that is under way has brought nothing yet.
        self.worked |= work(before) != work(after) || after.queued > before.queued;
        let wrong = |of: &DeviceStats| of.errors + of.out_dropped;
        self.wrong += wrong(after).saturating_sub(wrong(before));
    }

    /// Takes in what became of log records: those that were written, and those of them that
    /// were dropped. The guest says itself how many it dropped, so their number is nothing. Who
    /// writes more than it may has called for nothing.
    pub(super) fn of_log(&mut self, before: (u64, u64), after: (u64, u64)) {
        let (all, dropped) = (after.0 - before.0, after.1 - before.1);
        let written = all.saturating_sub(dropped);
        self.worked |= written > 0 && dropped == 0;
        self.wrong += u64::from(dropped > 0);
        self.errand += WRITTEN * u32::try_from(written).unwrap_or(u32::MAX);
    }

    /// Whether it was for nothing, or for what is wrong alone.
    fn was_idle(self) -> bool {
        !self.worked && (self.woken || self.wrong > 0)
    }

    fn turns(self) -> i64 {
        let turn = match (self.was_idle(), self.woken) {
            (true, _) => EMPTY,
            (false, true) => WAKE,
            (false, false) => 0,
        };
        turn + CONNECTION * i64::from(self.connections)
    }

    /// Real work makes up for a call for nothing.
    fn calls(self) -> i64 {
        match (self.was_idle(), self.worked) {
            (true, _) => 1,
            (false, true) => -1,
            (false, false) => 0,
        }
    }

    /// In microseconds.
    fn errands(self) -> i64 {
        let wrong = WRONG * u32::try_from(self.wrong).unwrap_or(u32::MAX);
        i64::try_from(self.errand.saturating_add(wrong).as_micros()).unwrap_or(i64::MAX)
    }
}

/// What an account has at most, what it earns each second, and the shortest wait of a guest
/// that owes: the longer, the fewer of its turns fall among others'.
#[derive(Clone, Copy, Debug)]
struct Terms {
    burst: i64,
    rate: i64,
    hold: Duration,
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

    /// Books a price; a negative one is earned. Answers how long it takes to earn what is owed
    /// then, up to [`LONGEST`].
    fn pay(&mut self, now: Instant, price: i64) -> Option<Duration> {
        self.refill(now);
        let Terms { burst, rate, hold } = self.terms;
        let most = rate * i64::try_from(LONGEST.as_millis()).unwrap_or(0) / 1000;
        self.left = self.left.saturating_sub(price).clamp(-most, burst);
        let owed = Duration::from_micros((self.left.min(0) * 1_000_000 / rate).unsigned_abs());
        (price > 0 && self.left < 0).then(|| owed.max(hold))
    }

    fn refill(&mut self, now: Instant) {
        let Terms { burst, rate, .. } = self.terms;
        let passed = now.saturating_duration_since(self.refilled).as_micros();
        let gained =
            i64::try_from(passed).unwrap_or(i64::MAX / rate).saturating_mul(rate) / 1_000_000;
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(burst);
            self.refilled = now;
        }
    }
}

/// One guest's allowances.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    turns: Account,
    calls: Account,
    errands: Account,
    held: u64,
}

impl Storm {
    pub(super) fn new(now: Instant) -> Storm {
        let [turns, calls, errands] = [TURNS, CALLS, ERRANDS].map(|terms| Account::new(terms, now));
        Storm { turns, calls, errands, held: 0 }
    }

    /// Books a turn. Answers until when the guest has to wait; `None`: it may go on.
    pub(super) fn turn(&mut self, now: Instant, effort: Effort) -> Option<Instant> {
        let waits = [
            self.turns.pay(now, effort.turns()),
            self.calls.pay(now, effort.calls()),
            self.errands.pay(now, effort.errands()),
        ];
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
        Effort { woken: true, worked: false, wrong: 0, connections: 0, errand: Duration::ZERO };
    const WORK: Effort = Effort { worked: true, ..NOTHING };
    const MS: Duration = Duration::from_millis(1);

    /// The turns of a guest that always has more to do, in `seconds`; each takes a microsecond
    /// and its errand.
    fn turns(storm: &mut Storm, start: Instant, seconds: u64, effort: Effort) -> Vec<Instant> {
        let (mut now, mut turns) = (start, Vec::new());
        while now < start + Duration::from_secs(seconds) {
            now += effort.errand + Duration::from_micros(1);
            turns.push(now);
            now = storm.turn(now, effort).unwrap_or(now);
        }
        turns
    }

    #[test]
    fn an_ordinary_guest_is_never_held() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        let more = Effort { woken: false, ..WORK };
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            assert!((0..8).all(|_| storm.turn(now, WORK).is_none()));
            // A race has it call for nothing now and then.
            assert!(ms % 10 != 0 || storm.turn(now, NOTHING).is_none());
            assert!((0..50).all(|_| storm.turn(now, more).is_none()));
        }
        assert_eq!(storm.held(), 0);
    }

    #[test]
    fn calls_for_nothing_become_rare() {
        let start = Instant::now();
        let storm = &mut Storm::new(start);
        let before = turns(storm, start, 1, NOTHING).len();
        assert!(before < 70, "{before}");
        let later = turns(storm, start + Duration::from_secs(2), 10, NOTHING);
        let gaps = later.windows(2).filter(|two| two[1] - two[0] >= MS * 25).count();
        assert!(gaps * 10 >= later.len() * 8, "{gaps} of {}", later.len());
    }

    #[test]
    fn wrong_requests_without_an_event_are_not_free() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        let wrong = Effort { wrong: 1, ..Effort::default() };
        assert!((0..CALLS.burst).all(|_| storm.turn(start, wrong).is_none()));
        assert!(storm.turn(start, wrong) >= Some(start + CALLS.hold));
        assert_eq!(storm.turn(start, Effort::default()), None);
        // Work among them does not make many of them free.
        let mut storm = Storm::new(start);
        let flood = Effort { wrong: 32, ..WORK };
        assert!(turns(&mut storm, start, 10, flood).len() < 2_100_000 / 96);
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
    fn errands_get_a_fortieth_of_the_time_and_no_less() {
        let start = Instant::now();
        let mut storm = Storm::new(start);
        let errand = Effort { errand: Duration::from_micros(90), ..WORK };
        let count = turns(&mut storm, start, 10, errand).len();
        assert!((2_900..3_300).contains(&count), "{count}");
        // Who does as much as a system that boots, and rests, is never held.
        let mut storm = Storm::new(start);
        assert!((0..200).all(|_| storm.turn(start, errand).is_none()));
        assert_eq!(storm.turn(start + Duration::from_secs(1), errand), None);
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
            let bound = CALLS.burst + passed * CALLS.rate / 1_000_000 + 2;
            prop_assert!(turns <= bound, "{turns} of {bound}");
        }

        /// Whatever a guest has its shard do for it, errands take a fortieth of the time and what
        /// was saved up, and no wait is longer than [`LONGEST`].
        #[test]
        fn errands_are_bounded(errands in prop::collection::vec((0u64..2000, 0u64..300), 1..1000)) {
            let start = Instant::now();
            let (mut storm, mut now, mut spent) = (Storm::new(start), start, Duration::ZERO);
            for (micros, gap) in errands {
                let errand = Duration::from_micros(micros);
                now += errand + Duration::from_micros(gap);
                spent += errand;
                let until = storm.turn(now, Effort { errand, ..WORK }).unwrap_or(now);
                prop_assert!(until - now <= LONGEST);
                now = until;
            }
            let earned = (now - start) / 40 + Duration::from_micros(20_000 + 2 * 2000);
            prop_assert!(spent <= earned, "{spent:?} of {earned:?}");
        }
    }
}
