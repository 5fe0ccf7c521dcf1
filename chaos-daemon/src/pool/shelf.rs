//! The shells of one flavour, as numbers.

use std::time::Duration;

use super::backoff::Backoff;
use super::demand::Demand;
use super::discard::Candidate;
use super::flavour::{Flavour, Level};
use super::settings::{Settings, Watermarks};
use super::share::Want;

/// Where a flavour comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An operator asked for it.
    Declared,
    /// Requests showed it.
    Learned,
    /// It is no flavour any more; some of its shells are still being built.
    Withdrawn,
}

/// What happened to a flavour since it came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that got a shell of it.
    pub hits: u64,
    /// Requests for which it had none. Some of them got a blank shell of their form instead.
    pub misses: u64,
    /// Shells built.
    pub built: u64,
    /// Shells that could not be built, or were found broken.
    pub failed: u64,
    /// Shells that nobody used.
    pub discarded: u64,
}

/// What the planner knows about a flavour.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) flavour: Flavour,
    pub(super) kib: u64,
    pub(super) origin: Origin,
    pub(super) marks: Watermarks,
    /// Shells that wait.
    pub(super) ready: u32,
    /// Shells being built, those that will be discarded among them.
    pub(super) building: u32,
    /// Of those being built, how many will be discarded.
    pub(super) doomed: u32,
    pub(super) demand: Demand,
    pub(super) backoff: Backoff,
    pub(super) counts: Counts,
    pub(super) asked_at: Duration,
    /// When the last build began.
    pub(super) begun_at: Duration,
    /// Since when there are more shells than are needed.
    pub(super) surplus_since: Option<Duration>,
    /// Shells it should have by its demand, and what the budget allows of them, at the last plan.
    pub(super) depth: u32,
    pub(super) share: u32,
}

impl Shelf {
    pub(super) fn new(
        flavour: Flavour,
        origin: Origin,
        marks: Watermarks,
        settings: &Settings,
        now: Duration,
    ) -> Self {
        Shelf {
            kib: flavour.footprint_kib().max(1),
            flavour,
            origin,
            marks,
            ready: 0,
            building: 0,
            doomed: 0,
            demand: Demand::new(settings.memory, now),
            backoff: Backoff::default(),
            counts: Counts::default(),
            asked_at: now,
            begun_at: Duration::ZERO,
            surplus_since: None,
            depth: 0,
            share: 0,
        }
    }

    /// Shells there are or will be.
    pub(super) fn have(&self) -> u32 {
        self.ready + self.building - self.doomed
    }

    /// KiB of all that are or are being built.
    pub(super) fn live_kib(&self) -> u64 {
        self.kib * u64::from(self.ready + self.building)
    }

    pub(super) fn level(&self) -> Level {
        self.flavour.level()
    }

    /// Looks at the demand anew.
    pub(super) fn measure(&mut self, now: Duration) {
        self.depth = match self.origin {
            Origin::Withdrawn => 0,
            _ => self.demand.depth(now).clamp(self.marks.low(), self.marks.high()),
        };
    }

    /// What it asks of the budget. A flavour that fails asks for one shell more than it has.
    pub(super) fn want(&self, now: Duration) -> Want {
        let can_use = match self.backoff.failures() {
            0 => u32::MAX,
            _ => self.have().saturating_add(1),
        };
        let depth = self.depth.min(can_use);
        let low = self.marks.low().min(depth);
        Want { kib: self.kib, low, depth, rate: self.demand.per_second(now) }
    }

    /// Its shells as such that may give way, all but `keep`.
    pub(super) fn candidate(&self, keep: u32, now: Duration) -> Candidate {
        Candidate {
            kib: self.kib,
            ready: self.ready,
            keep,
            low: self.marks.low().min(self.depth),
            depth: self.depth,
            rate: self.demand.per_second(now),
            level: self.level(),
        }
    }

    /// Whether a shell should be built, apart from whether there is memory for it.
    pub(super) fn lacks(&self, now: Duration) -> bool {
        self.have() < self.share && self.backoff.allows(now, self.building)
    }

    /// Takes `count` of the waiting shells away, unused.
    pub(super) fn discard(&mut self, count: u32) -> u32 {
        let count = count.min(self.ready);
        self.ready -= count;
        self.counts.discarded += u64::from(count);
        count
    }
}
