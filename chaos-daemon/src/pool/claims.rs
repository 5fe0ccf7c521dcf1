//! Memory for guests: shells give way at once.

use std::time::Duration;

use super::discard::choose;
use super::memory::{OnItsWay, Short};
use super::planner::{Discard, FlavourId, Planner};

/// Memory that is promised to a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Shells to destroy for it.
    pub discards: Vec<Discard>,
    /// Whether it is free already. Otherwise it is on its way.
    pub free_now: bool,
}

impl Planner {
    /// A guest needs `kib` of the `free_kib` that Xen has, and it is promised them; shells give way
    /// as far as this needs, cheapest first. [`Planner::settle`] ends the promise.
    ///
    /// Shells being built count as if they had taken none of their memory yet, because Xen's answer
    /// does not tell.
    ///
    /// # Errors
    /// [`Short`]: all shells and all that is on its way would not be enough. Nothing gives way then
    /// and nothing is promised.
    pub fn claim(&mut self, now: Duration, kib: u64, free_kib: u64) -> Result<Claimed, Short> {
        let building = self.pending_kib();
        let taken = self.memory.promised.saturating_add(building);
        let there = free_kib.saturating_add(self.memory.coming());
        let free_now = free_kib >= taken.saturating_add(kib);
        let missing = taken.saturating_add(kib).saturating_sub(there);
        let discards = if missing == 0 { Vec::new() } else { self.give_way(now, missing)? };
        self.memory.promised += kib;
        Ok(Claimed { discards, free_now })
    }

    /// A guest has the `kib` it claimed, or needs them no more.
    pub fn settle(&mut self, kib: u64) {
        self.memory.promised = self.memory.promised.saturating_sub(kib);
    }

    /// A guest ended: `kib` are on their way back.
    pub fn guest_ended(&mut self, kib: u64) {
        self.memory.from_guests += kib;
    }

    /// `kib` of ended guests are back.
    pub fn guests_returned(&mut self, kib: u64) {
        self.memory.from_guests = self.memory.from_guests.saturating_sub(kib);
    }

    /// `kib` of discarded, broken or failed shells are back.
    pub fn shells_returned(&mut self, kib: u64) {
        self.memory.from_shells = self.memory.from_shells.saturating_sub(kib);
    }

    /// What is on its way.
    #[must_use]
    pub fn on_its_way(&self) -> OnItsWay {
        self.memory
    }

    /// KiB of the shells being built that will be kept.
    pub(super) fn pending_kib(&self) -> u64 {
        let pending = |shelf: &super::shelf::Shelf| u64::from(shelf.building - shelf.doomed);
        self.shelves.values().map(|shelf| pending(shelf) * shelf.kib).sum()
    }

    /// Discards waiting shells, then gives up some of those being built, until `missing` KiB are
    /// on their way.
    fn give_way(&mut self, now: Duration, missing: u64) -> Result<Vec<Discard>, Short> {
        let ids: Vec<FlavourId> = self.shelves.keys().copied().collect();
        let candidates: Vec<_> =
            self.shelves.values().map(|shelf| shelf.candidate(0, now)).collect();
        if let Some(counts) = choose(&candidates, missing) {
            return Ok(self.discard(ids.into_iter().zip(counts)));
        }
        let waiting: u64 = candidates.iter().map(|one| one.kib * u64::from(one.ready)).sum();
        let still = missing - waiting;
        let pending = self.pending_kib();
        if pending < still {
            return Err(Short { missing_kib: still - pending });
        }
        self.doom(still);
        let all = candidates.iter().map(|one| one.ready);
        Ok(self.discard(ids.into_iter().zip(all)))
    }

    /// Gives up shells that are being built, of `kib` at least.
    fn doom(&mut self, kib: u64) {
        let mut given_up = 0;
        for shelf in self.shelves.values_mut() {
            while given_up < kib && shelf.doomed < shelf.building {
                shelf.doomed += 1;
                given_up += shelf.kib;
            }
        }
    }

    /// Takes shells off their shelves.
    pub(super) fn discard(
        &mut self,
        counts: impl IntoIterator<Item = (FlavourId, u32)>,
    ) -> Vec<Discard> {
        let mut discards = Vec::new();
        for (flavour, count) in counts {
            let Some(shelf) = self.shelves.get_mut(&flavour) else { continue };
            let count = shelf.discard(count);
            if count > 0 {
                let kib = shelf.kib * u64::from(count);
                self.memory.from_shells += kib;
                discards.push(Discard { flavour, count, kib });
            }
        }
        discards
    }
}
