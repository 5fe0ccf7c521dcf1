//! What a request gets, and what it teaches.

use std::time::Duration;

use super::flavour::{Flavour, Level, Wanted};
use super::learn::Recurs;
use super::planner::{FlavourId, Planner};
use super::settings::Watermarks;
use super::shelf::Origin;

/// What a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// A shell of this flavour; it is the guest's from now on.
    Take {
        /// Of which flavour.
        flavour: FlavourId,
        /// How far it is prepared.
        level: Level,
    },
    /// No shell: the guest is built directly, from memory that it
    /// [claims](Planner::claim).
    Build,
}

/// A learned flavour takes at most this part of the budget with a single shell.
const LARGEST_LEARNED: u64 = 4;

impl Planner {
    /// A request has come. Shells begin to be built no more before it is
    /// [served](Planner::served), within reason.
    pub fn asked(&mut self, now: Duration, wanted: &Wanted) -> Answer {
        let creditor = self.creditor(now, wanted);
        let answer = self.take(wanted);
        self.service.begin(now, answer);
        let Some(id) = creditor else {
            self.strangers += 1;
            return answer;
        };
        if let Some(shelf) = self.shelves.get_mut(&id) {
            if shelf.backoff.failures() > 0 {
                // Whatever waits for the fault to be mended says nothing about demand.
                shelf.demand.settled();
            }
            shelf.asked_at = now;
            shelf.demand.asked(now);
            let hit = matches!(answer, Answer::Take { flavour, .. } if flavour == id);
            shelf.counts.misses += u64::from(!hit);
        }
        answer
    }

    /// Whether a shell with the image of `wanted` waits.
    #[must_use]
    pub fn has_ready(&self, wanted: &Wanted) -> bool {
        let shelf = self.known.get(wanted.flavour()).and_then(|id| self.shelves.get(id));
        shelf.is_some_and(|shelf| shelf.ready > 0)
    }

    /// The shell that a request took turned out to be dead: what else it gets. `left_kib` of the
    /// shell are still to come back, as with [`Discard`](super::Discard).
    pub fn found_broken(
        &mut self,
        now: Duration,
        id: FlavourId,
        left_kib: u64,
        wanted: &Wanted,
    ) -> Answer {
        self.memory.from_shells += left_kib;
        if let Some(shelf) = self.shelves.get_mut(&id) {
            shelf.counts.failed += 1;
            self.service.end(Answer::Take { flavour: id, level: shelf.level() });
        }
        let answer = self.take(wanted);
        self.service.begin(now, answer);
        answer
    }

    /// A request that got `answer` was served, refused or given up.
    pub fn served(&mut self, answer: Answer) {
        self.service.end(answer);
    }

    fn take(&mut self, wanted: &Wanted) -> Answer {
        let loaded = self.known.get(wanted.flavour());
        let blank = self.known.get(&wanted.flavour().blank());
        for flavour in [loaded, blank].into_iter().flatten().copied() {
            if let Some(shelf) = self.shelves.get_mut(&flavour).filter(|shelf| shelf.ready > 0) {
                shelf.ready -= 1;
                shelf.counts.hits += 1;
                return Answer::Take { flavour, level: shelf.level() };
            }
        }
        Answer::Build
    }

    /// The flavour whose demand a request is: that of its image if it is one, else the blank one.
    fn creditor(&mut self, now: Duration, wanted: &Wanted) -> Option<FlavourId> {
        let loaded = wanted.flavour();
        if let Some(&id) = self.known.get(loaded) {
            return Some(id);
        }
        if let Some(id) = self.renew(now, wanted).or_else(|| self.learn(now, loaded)) {
            return Some(id);
        }
        let blank = loaded.blank();
        match self.known.get(&blank) {
            Some(&id) => Some(id),
            None => self.learn(now, &blank),
        }
    }

    /// Makes a flavour of what is asked for again and again.
    fn learn(&mut self, now: Duration, kind: &Flavour) -> Option<FlavourId> {
        let learn = self.settings.learn;
        if learn.flavours == 0 || kind.footprint_kib() > self.settings.budget_kib / LARGEST_LEARNED
        {
            return None;
        }
        let recurs = self.noticed.note(kind, now, learn.forget, learn.after);
        if !self.has_place(now, recurs?) {
            return None;
        }
        Some(self.add(now, kind.clone(), Origin::Learned, Watermarks::new(0, learn.high)))
    }

    /// Whether there is a place for one more learned flavour. The one asked for longest ago makes
    /// place for a kind that is asked for more often than that.
    fn has_place(&mut self, now: Duration, newcomer: Recurs) -> bool {
        if self.learned() < self.settings.learn.flavours {
            return true;
        }
        match self.stalest() {
            Some((id, asked_at)) if now.saturating_sub(asked_at) > newcomer.after => {
                self.retire(id);
                true
            }
            _ => false,
        }
    }

    /// How many flavours were learned.
    pub(super) fn learned(&self) -> u32 {
        let learned = self.shelves.values().filter(|shelf| shelf.origin == Origin::Learned);
        u32::try_from(learned.count()).unwrap_or(u32::MAX)
    }

    /// The learned flavour that was asked for longest ago, and when.
    pub(super) fn stalest(&self) -> Option<(FlavourId, Duration)> {
        let learned = self.shelves.iter().filter(|(_, shelf)| shelf.origin == Origin::Learned);
        learned.map(|(&id, shelf)| (id, shelf.asked_at)).min_by_key(|&(id, at)| (at, id))
    }
}
