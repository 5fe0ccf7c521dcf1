//! The plan: which shells to begin, which to get rid of, and when to plan again.

use std::time::Duration;

use super::discard::choose;
use super::planner::{Discard, FlavourId, Planner};
use super::share::shares;
use super::shelf::{Origin, Shelf};

/// What to do now. It counts as begun: the outcome of every build has to be told with
/// [`Planner::built`] or [`Planner::failed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Shells to build, one of each flavour named, as often as it is named.
    pub builds: Vec<FlavourId>,
    /// Shells to destroy.
    pub discards: Vec<Discard>,
    /// When to plan again if nothing happens before.
    pub next: Option<Duration>,
}

/// KiB for shells that were not begun yet.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// There is now.
    now: u64,
    /// There will be when all is back that is on its way.
    later: u64,
}

impl Planner {
    /// Decides what to do now that Xen has `free_kib`. To be called after whatever the planner was
    /// told, but not before a request has its answer.
    pub fn plan(&mut self, now: Duration, free_kib: u64) -> Plan {
        let mut plan = Plan::default();
        self.forget(now);
        self.share(now, free_kib);
        self.trim(now, &mut plan);
        self.begin(now, free_kib, &mut plan);
        self.shelves.retain(|_, s| s.origin != Origin::Withdrawn || s.ready + s.building > 0);
        plan.next = self.next(now);
        plan
    }

    /// Lets go of learned flavours that nobody asks for, or that are too many.
    fn forget(&mut self, now: Duration) {
        let learn = self.settings.learn;
        while self.learned() > learn.flavours {
            let Some((id, _)) = self.stalest() else { return };
            self.retire(id);
        }
        while let Some((id, asked_at)) = self.stalest()
            && now >= asked_at.saturating_add(learn.forget.max(self.settings.memory))
        {
            self.retire(id);
        }
    }

    /// Looks at demand and divides the budget, or what the host has of it.
    fn share(&mut self, now: Duration, free_kib: u64) {
        let room = self.room(free_kib);
        let budget = self.kept_kib().saturating_add(room.later).min(self.settings.budget_kib);
        let wants: Vec<_> = self
            .shelves
            .values_mut()
            .map(|shelf| {
                shelf.measure(now);
                shelf.want(now)
            })
            .collect();
        for (shelf, share) in self.shelves.values_mut().zip(shares(budget, &wants)) {
            shelf.share = share;
            if shelf.ready >= share {
                shelf.demand.settled();
            }
        }
    }

    /// Gets rid of shells nobody needs, and of those beyond a budget that was lowered.
    fn trim(&mut self, now: Duration, plan: &mut Plan) {
        let linger = self.settings.linger;
        let surplus: Vec<_> =
            self.shelves.iter_mut().map(|(&id, s)| (id, overripe(s, now, linger))).collect();
        plan.discards.extend(self.discard(surplus));
        let over = self.kept_kib().saturating_sub(self.settings.budget_kib);
        if over > 0 {
            let above = |s: &Shelf| s.ready - s.ready.min(s.share);
            let all: Vec<_> = self.shelves.iter().map(|(&id, s)| (id, above(s))).collect();
            let chosen = self.beyond_shares(None, now, over).unwrap_or(all);
            plan.discards.extend(self.discard(chosen));
        }
    }

    /// Begins to build, the neediest first.
    fn begin(&mut self, now: Duration, free_kib: u64, plan: &mut Plan) {
        let (slots, mut passed, mut waited_for) =
            (self.service.slots(now, &self.settings), Vec::new(), 0);
        while self.building() < slots {
            let Some((id, kib)) = self.neediest(now, &passed) else { return };
            let room = self.room(free_kib);
            if kib <= room.now {
                self.start(now, id);
                plan.builds.push(id);
                continue;
            }
            // Others may be smaller.
            passed.push(id);
            waited_for += kib;
            let short = waited_for.saturating_sub(room.later);
            if let Some(chosen) = self.beyond_shares(Some(id), now, short.min(kib)) {
                plan.discards.extend(self.discard(chosen));
            }
        }
    }

    fn start(&mut self, now: Duration, id: FlavourId) {
        if let Some(shelf) = self.shelves.get_mut(&id) {
            shelf.building += 1;
            shelf.begun_at = now;
        }
    }

    fn building(&self) -> u32 {
        self.shelves.values().map(|shelf| shelf.building).sum()
    }

    /// The flavour that has the least part of its share; of equals, the one whose turn is longest
    /// past. Those that failed come after all others, until they have waited for very long.
    fn neediest(&self, now: Duration, passed: &[FlavourId]) -> Option<(FlavourId, u64)> {
        let lacking = self.shelves.iter().filter(|(_, shelf)| shelf.lacks(now));
        let part = |s: &Shelf| u64::from(s.have()) * 1024 / u64::from(s.share.max(1));
        let last = |s: &Shelf| {
            s.backoff.until().is_some_and(|until| now < until.saturating_add(self.overdue()))
        };
        lacking
            .filter(|(id, _)| !passed.contains(id))
            .min_by_key(|&(&id, shelf)| (last(shelf), part(shelf), shelf.begun_at, id))
            .map(|(&id, shelf)| (id, shelf.kib))
    }

    /// How long a flavour that failed lets all others go first.
    fn overdue(&self) -> Duration {
        self.settings.retry_most.max(Duration::from_secs(1))
    }

    /// Which shells beyond their flavours' shares give way for `kib`, none of them `but`'s.
    fn beyond_shares(
        &self,
        but: Option<FlavourId>,
        now: Duration,
        kib: u64,
    ) -> Option<Vec<(FlavourId, u32)>> {
        let others = || self.shelves.iter().filter(|&(&id, _)| Some(id) != but);
        let keep = |shelf: &Shelf| shelf.share.saturating_sub(shelf.building - shelf.doomed);
        let candidates: Vec<_> = others().map(|(_, s)| s.candidate(keep(s), now)).collect();
        let counts = choose(&candidates, kib)?;
        Some(others().map(|(&id, _)| id).zip(counts).collect())
    }

    /// KiB of all shells that there are or will be.
    fn kept_kib(&self) -> u64 {
        self.shelves.values().map(|shelf| u64::from(shelf.have()) * shelf.kib).sum()
    }

    fn room(&self, free_kib: u64) -> Room {
        let live: u64 = self.shelves.values().map(Shelf::live_kib).sum();
        let building: u64 = self.shelves.values().map(|s| u64::from(s.building) * s.kib).sum();
        let taken = self.memory.promised.saturating_add(self.settings.keep_free_kib);
        let budget = self.settings.budget_kib;
        let host_later = free_kib.saturating_add(self.memory.coming()).saturating_sub(taken);
        Room {
            now: budget
                .saturating_sub(live + self.memory.from_shells)
                .min(free_kib.saturating_sub(taken.saturating_add(building))),
            later: budget
                .saturating_sub(self.kept_kib())
                .min(host_later.saturating_sub(self.pending_kib())),
        }
    }

    /// When something changes of its own accord.
    fn next(&self, now: Duration) -> Option<Duration> {
        let learn = self.settings.learn.forget.max(self.settings.memory);
        let of_shelf = |shelf: &Shelf| {
            let lacks = shelf.have() < shelf.share;
            let patience = self.service.loses_patience(&self.settings);
            [
                shelf.backoff.until().filter(|_| lacks),
                shelf.surplus_since.map(|since| since.saturating_add(self.settings.linger)),
                shelf.demand.falls_at().filter(|_| shelf.depth > shelf.marks.low()),
                (lacks && self.service.is_busy()).then_some(patience),
                (shelf.origin == Origin::Learned).then(|| shelf.asked_at.saturating_add(learn)),
            ]
        };
        let moments = self.shelves.values().flat_map(of_shelf).flatten();
        moments.filter(|&at| at > now).min()
    }
}

/// How many shells nobody needs have been there for long enough.
fn overripe(shelf: &mut Shelf, now: Duration, linger: Duration) -> u32 {
    if shelf.origin == Origin::Withdrawn {
        return shelf.ready;
    }
    let surplus = shelf.have().saturating_sub(shelf.depth);
    if surplus == 0 {
        shelf.surplus_since = None;
        return 0;
    }
    let since = *shelf.surplus_since.get_or_insert(now);
    if now < since.saturating_add(linger) {
        return 0;
    }
    shelf.surplus_since = None;
    surplus
}
