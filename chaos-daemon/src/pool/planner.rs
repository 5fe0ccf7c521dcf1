//! The planner: what it knows, and what happens to shells.

use std::collections::BTreeMap;
use std::time::Duration;

use foldhash::HashMap;

use super::backoff::Jitter;
use super::flavour::{Flavour, Wanted};
use super::learn::Noticed;
use super::memory::OnItsWay;
use super::service::Service;
use super::settings::{Settings, Watermarks};
use super::shelf::{Origin, Shelf};

/// A flavour's number. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlavourId(u64);

impl FlavourId {
    /// As a number, for people and programs.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Shells to destroy. The planner counts their memory as on its way from now on;
/// [`Planner::shells_returned`] tells it when it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard {
    /// Of which flavour.
    pub flavour: FlavourId,
    /// How many; at least 1.
    pub count: u32,
    /// KiB that come back with all of them.
    pub kib: u64,
}

/// What becomes of a shell that was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits for a guest.
    Keep,
    /// Nobody needs it any more: destroy it, as with [`Discard`].
    Discard,
}

/// Decides for the whole pool.
///
/// It counts shells and never has one: whoever runs it keeps them by [`FlavourId`], tells it what
/// happens, and asks for a [plan](Planner::plan) after that. Times are those since any moment
/// that stays the same; one before another that was told already counts as that.
#[derive(Clone, Debug)]
pub struct Planner {
    pub(super) settings: Settings,
    pub(super) shelves: BTreeMap<FlavourId, Shelf>,
    /// Flavours that are not withdrawn.
    pub(super) known: HashMap<Flavour, FlavourId>,
    pub(super) noticed: Noticed,
    pub(super) memory: OnItsWay,
    pub(super) jitter: Jitter,
    pub(super) service: Service,
    /// Requests of no flavour at all.
    pub(super) strangers: u64,
    next: u64,
}

impl Planner {
    /// A planner without flavours. `seed` spreads waits after failures; the same seed and
    /// the same events give the same decisions.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Planner {
            settings,
            shelves: BTreeMap::new(),
            known: HashMap::default(),
            noticed: Noticed::default(),
            memory: OnItsWay::default(),
            jitter: Jitter::new(seed),
            service: Service::default(),
            strangers: 0,
            next: 0,
        }
    }

    /// Goes on with other settings. The next plan brings the pool within them.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
        for shelf in self.shelves.values_mut() {
            shelf.demand.remember(settings.memory);
            if shelf.origin == Origin::Learned {
                shelf.marks = Watermarks::new(0, settings.learn.high);
            }
        }
    }

    /// Keeps shells of `flavour` from now on, or goes on with other watermarks.
    pub fn declare(&mut self, now: Duration, flavour: Flavour, marks: Watermarks) -> FlavourId {
        match self.known.get(&flavour) {
            Some(&id) => {
                if let Some(shelf) = self.shelves.get_mut(&id) {
                    (shelf.origin, shelf.marks) = (Origin::Declared, marks);
                }
                id
            }
            None => self.add(now, flavour, Origin::Declared, marks),
        }
    }

    /// Keeps shells of `flavour` no longer. Requests may make it a learned one.
    pub fn withdraw(&mut self, flavour: &Flavour) {
        if let Some(id) = self.known.get(flavour).copied() {
            self.retire(id);
        }
    }

    /// The flavour of this number that is kept.
    #[must_use]
    pub fn kept(&self, number: u64) -> Option<&Flavour> {
        let shelf = self.shelves.get(&FlavourId(number));
        shelf.filter(|shelf| shelf.origin != Origin::Withdrawn).map(|shelf| &shelf.flavour)
    }

    /// The number of a flavour that is known.
    #[must_use]
    pub fn find(&self, flavour: &Flavour) -> Option<FlavourId> {
        self.known.get(flavour).copied()
    }

    /// What shells of this number are built to; `None` when none are left of it.
    #[must_use]
    pub fn flavour(&self, id: FlavourId) -> Option<&Flavour> {
        self.shelves.get(&id).map(|shelf| &shelf.flavour)
    }

    /// A shell that a plan asked for was built within `took`. One that no plan asked for is to be
    /// discarded and its memory is not counted.
    pub fn built(&mut self, id: FlavourId, took: Duration) -> Verdict {
        let Some(shelf) = self.shelves.get_mut(&id).filter(|shelf| shelf.building > 0) else {
            return Verdict::Discard;
        };
        shelf.building -= 1;
        shelf.counts.built += 1;
        shelf.backoff.worked();
        shelf.demand.built(took);
        if shelf.doomed == 0 {
            shelf.ready += 1;
            return Verdict::Keep;
        }
        shelf.doomed -= 1;
        shelf.counts.discarded += 1;
        self.memory.from_shells += shelf.kib;
        Verdict::Discard
    }

    /// A shell that a plan asked for could not be built. `left_kib` of it are still to come back,
    /// as with [`Discard`]. The flavour is left alone for a while, and no other.
    pub fn failed(&mut self, now: Duration, id: FlavourId, left_kib: u64) {
        self.memory.from_shells += left_kib;
        if let Some(shelf) = self.shelves.get_mut(&id).filter(|shelf| shelf.building > 0) {
            shelf.building -= 1;
            shelf.doomed = shelf.doomed.min(shelf.building);
            shelf.counts.failed += 1;
            shelf.backoff.failed(now, &self.settings, &mut self.jitter);
        }
    }

    /// A shell that waited was found dead. What is left of it is destroyed, as with [`Discard`].
    pub fn lost(&mut self, id: FlavourId) {
        if let Some(shelf) = self.shelves.get_mut(&id).filter(|shelf| shelf.ready > 0) {
            shelf.ready -= 1;
            shelf.counts.failed += 1;
            self.memory.from_shells += shelf.kib;
        }
    }

    /// A shell was found that an earlier daemon had built for this flavour. Where it is too many,
    /// a later plan discards it. `false`: this is no flavour any more, and nothing is counted.
    #[must_use]
    pub fn adopted(&mut self, id: FlavourId) -> bool {
        let shelf = self.shelves.get_mut(&id).filter(|s| s.origin != Origin::Withdrawn);
        shelf.map(|shelf| shelf.ready += 1).is_some()
    }

    pub(super) fn add(
        &mut self,
        now: Duration,
        flavour: Flavour,
        origin: Origin,
        marks: Watermarks,
    ) -> FlavourId {
        let id = FlavourId(self.next);
        self.next += 1;
        self.noticed.forget(&flavour);
        self.known.insert(flavour.clone(), id);
        self.shelves.insert(id, Shelf::new(flavour, origin, marks, &self.settings, now));
        id
    }

    /// Makes a flavour one that only has shells to get rid of; the next plan does.
    pub(super) fn retire(&mut self, id: FlavourId) {
        if let Some(shelf) = self.shelves.get_mut(&id) {
            self.known.remove(&shelf.flavour);
            shelf.origin = Origin::Withdrawn;
            shelf.doomed = shelf.building;
        }
    }

    /// Puts the present version of an image in the place of an older one.
    pub(super) fn renew(&mut self, now: Duration, wanted: &Wanted) -> Option<FlavourId> {
        let Flavour { form, image } = wanted.flavour();
        let image = image.as_ref()?;
        let is_older = |shelf: &Shelf| {
            let older = shelf.flavour.image.as_ref().is_some_and(|older| image.replaces(older));
            older && shelf.flavour.form == *form && shelf.origin != Origin::Withdrawn
        };
        let (&old, shelf) = self.shelves.iter().find(|(_, shelf)| is_older(shelf))?;
        let (origin, marks, demand) = (shelf.origin, shelf.marks, shelf.demand.clone());
        self.retire(old);
        let id = self.add(now, wanted.flavour().clone(), origin, marks);
        if let Some(shelf) = self.shelves.get_mut(&id) {
            shelf.demand = demand;
        }
        Some(id)
    }
}
