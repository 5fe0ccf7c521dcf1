//! What the pool looks like, for people and metrics.

use super::flavour::Flavour;
use super::memory::OnItsWay;
use super::planner::{FlavourId, Planner};
use super::settings::Watermarks;
use super::shelf::{Counts, Origin, Shelf};

/// The whole pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Its flavours, oldest first.
    pub flavours: Vec<FlavourReport<'a>>,
    /// KiB that it takes: shells, those being built, and those whose memory is on its way.
    pub used_kib: u64,
    /// KiB that it may take.
    pub budget_kib: u64,
    /// Memory on its way.
    pub on_its_way: OnItsWay,
    /// Requests of no flavour at all.
    pub strangers: u64,
}

/// A flavour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlavourReport<'a> {
    /// Its number.
    pub id: FlavourId,
    /// What its shells are built to.
    pub flavour: &'a Flavour,
    /// Where it comes from.
    pub origin: Origin,
    /// Its watermarks.
    pub marks: Watermarks,
    /// KiB of a shell.
    pub kib: u64,
    /// Shells that wait.
    pub ready: u32,
    /// Shells being built.
    pub building: u32,
    /// Shells that demand asks for, between the watermarks.
    pub depth: u32,
    /// Shells that the budget allows of these.
    pub share: u32,
    /// Failures since the last shell that was built.
    pub failures: u32,
    /// What happened to it.
    pub counts: Counts,
}

impl Planner {
    /// KiB that the pool takes: shells, those being built, and those whose memory is on its way.
    #[must_use]
    pub fn used_kib(&self) -> u64 {
        let live: u64 = self.shelves.values().map(Shelf::live_kib).sum();
        live + self.memory.from_shells
    }

    /// The pool as of the last plan.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        let flavours = self.shelves.iter().map(|(&id, shelf)| FlavourReport {
            id,
            flavour: &shelf.flavour,
            origin: shelf.origin,
            marks: shelf.marks,
            kib: shelf.kib,
            ready: shelf.ready,
            building: shelf.building,
            depth: shelf.depth,
            share: shelf.share,
            failures: shelf.backoff.failures(),
            counts: shelf.counts,
        });
        Report {
            flavours: flavours.collect(),
            used_kib: self.used_kib(),
            budget_kib: self.settings.budget_kib,
            on_its_way: self.memory,
            strangers: self.strangers,
        }
    }
}
