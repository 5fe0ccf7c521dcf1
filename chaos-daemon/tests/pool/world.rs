//! A host as the planner sees it: memory, time that building takes, guests that come and go.
//!
//! It is no Xen: it adds and subtracts, and stops the run when the numbers do not agree with the
//! planner's or a rule is broken.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use chaos_daemon::pool::{
    Answer, Discard, FlavourId, Level, Origin, Plan, Planner, Settings, Verdict,
};

use super::outcome::Outcome;
use super::traces::Request;

/// What things take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// To build a blank shell.
    pub(crate) build: Duration,
    /// To load an image.
    pub(crate) load: Duration,
    /// To write the identity and let the guest run.
    pub(crate) finish: Duration,
    /// Until a destroyed domain's memory is back.
    pub(crate) destroy: Duration,
}

impl Default for Costs {
    fn default() -> Self {
        Costs {
            build: Duration::from_micros(1400),
            load: Duration::from_micros(600),
            finish: Duration::from_micros(150),
            destroy: Duration::from_millis(5),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(usize),
    Served(Answer),
    Built(FlavourId, Duration),
    Failed(FlavourId),
    ShellsBack(u64),
    GuestEnds(u64),
    GuestsBack(u64),
    Look,
}

/// A guest that waits for memory.
#[derive(Clone, Debug)]
struct Waiting {
    request: usize,
    kib: u64,
}

/// A host and its pool.
pub(crate) struct World {
    /// The pool's policy.
    pub(crate) planner: Planner,
    /// Xen's free memory, in KiB.
    pub(crate) free: u64,
    /// Whether a shell of this number, the how-manieth to be built, fails.
    pub(crate) fails: Box<dyn Fn(FlavourId, u32) -> bool>,
    settings: Settings,
    costs: Costs,
    now: Duration,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    count: u64,
    /// When the planner is asked again if nothing happens before.
    look: Option<Duration>,
    begun: u32,
    building: BTreeMap<FlavourId, u32>,
    returning: u64,
    waiting: VecDeque<Waiting>,
    outcome: Outcome,
}

impl World {
    /// A host with `free` KiB of memory and an empty pool.
    pub(crate) fn new(settings: Settings, costs: Costs, free: u64) -> Self {
        World {
            planner: Planner::new(settings, 1),
            free,
            fails: Box::new(|_, _| false),
            settings,
            costs,
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            count: 0,
            look: None,
            begun: 0,
            building: BTreeMap::new(),
            returning: 0,
            waiting: VecDeque::new(),
            outcome: Outcome::default(),
        }
    }

    /// Lets `requests` come, and time pass until `end`.
    pub(crate) fn run(mut self, requests: &[Request], end: Duration) -> Outcome {
        self.outcome.requests = u32::try_from(requests.len()).expect("a number of requests");
        self.outcome.waits = vec![Duration::ZERO; requests.len()];
        for (number, request) in requests.iter().enumerate() {
            self.later(request.at, Event::Arrive(number));
        }
        self.look = Some(Duration::ZERO);
        self.later(Duration::ZERO, Event::Look);
        while let Some(Reverse((at, _, event))) = self.events.pop().filter(|e| e.0.0 <= end) {
            if event == Event::Look && self.look.take_if(|planned| *planned == at).is_none() {
                // There was an earlier one.
                continue;
            }
            self.pass(at);
            self.happen(event, requests);
            let plan = self.planner.plan(self.now, self.free);
            self.carry_out(plan);
            self.check();
        }
        self.pass(end);
        self.outcome.lasted = end;
        self.outcome.waiting = self.waiting.len();
        self.outcome
    }

    fn later(&mut self, at: Duration, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at, self.count, event)));
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.later(self.now + wait, event);
    }

    fn pass(&mut self, now: Duration) {
        let used = self.planner.used_kib();
        let used = f64::from(u32::try_from(used).expect("a pool of less than 4 TiB"));
        self.outcome.kib_seconds += used * (now - self.now).as_secs_f64();
        self.now = now;
    }

    fn happen(&mut self, event: Event, requests: &[Request]) {
        match event {
            Event::Arrive(number) => self.arrive(number, requests),
            Event::Served(answer) => self.planner.served(answer),
            Event::Built(id, took) => self.built(id, took),
            Event::Failed(id) => {
                let kib = self.kib(id);
                self.end_build(id);
                self.outcome.failed += 1;
                self.planner.failed(self.now, id, kib);
                self.send_back(kib);
            }
            Event::ShellsBack(kib) => {
                self.free += kib;
                self.returning -= kib;
                self.planner.shells_returned(kib);
                self.serve_waiting(requests);
            }
            Event::GuestEnds(kib) => {
                self.planner.guest_ended(kib);
                self.after(self.costs.destroy, Event::GuestsBack(kib));
            }
            Event::GuestsBack(kib) => {
                self.free += kib;
                self.planner.guests_returned(kib);
                self.serve_waiting(requests);
            }
            Event::Look => {}
        }
    }

    fn arrive(&mut self, number: usize, requests: &[Request]) {
        let request = &requests[number];
        let kib = request.wanted.flavour().footprint_kib();
        let answer = self.planner.asked(self.now, &request.wanted);
        match answer {
            Answer::Take { flavour, level } => {
                let there = self.outcome.ready.get_mut(&flavour).expect("a shell that was built");
                *there = there.checked_sub(1).expect("a shell that is there");
                let served = self.planner.flavour(flavour).and_then(|f| f.serves(&request.wanted));
                assert_eq!(served, Some(level), "the shell is the guest asked for");
                let wait = match level {
                    Level::Loaded => Duration::ZERO,
                    Level::Blank => self.costs.load,
                };
                *self.hits(level) += 1;
                self.serve(number, answer, wait, request, kib);
            }
            Answer::Build => match self.planner.claim(self.now, kib, self.free) {
                Ok(claimed) => {
                    self.discard(claimed.discards);
                    self.waiting.push_back(Waiting { request: number, kib });
                    self.serve_waiting(requests);
                }
                Err(_) => {
                    self.outcome.refused += 1;
                    self.planner.served(Answer::Build);
                }
            },
        }
    }

    fn hits(&mut self, level: Level) -> &mut u32 {
        match level {
            Level::Loaded => &mut self.outcome.loaded,
            Level::Blank => &mut self.outcome.blank,
        }
    }

    fn serve(
        &mut self,
        number: usize,
        answer: Answer,
        wait: Duration,
        request: &Request,
        kib: u64,
    ) {
        let wait = wait + self.costs.finish;
        self.outcome.waits[number] = self.now - request.at + wait;
        self.after(wait, Event::Served(answer));
        self.after(wait + request.life, Event::GuestEnds(kib));
    }

    fn serve_waiting(&mut self, requests: &[Request]) {
        while let Some(first) = self.waiting.front().filter(|first| first.kib <= self.free) {
            let Waiting { request, kib } = first.clone();
            self.waiting.pop_front();
            self.free -= kib;
            self.planner.settle(kib);
            let wait = self.costs.build + self.costs.load;
            self.serve(request, Answer::Build, wait, &requests[request], kib);
        }
    }

    fn carry_out(&mut self, plan: Plan) {
        self.discard(plan.discards);
        for id in plan.builds {
            let flavour = self.planner.flavour(id).expect("a flavour");
            let load = if flavour.image.is_some() { self.costs.load } else { Duration::ZERO };
            let kib = flavour.footprint_kib();
            self.free = self.free.checked_sub(kib).expect("shells are built from free memory");
            *self.building.entry(id).or_default() += 1;
            let took = self.costs.build + load;
            let failed = (self.fails)(id, self.begun);
            self.begun += 1;
            self.after(took, if failed { Event::Failed(id) } else { Event::Built(id, took) });
        }
        if let Some(next) = plan.next {
            assert!(next > self.now, "time passes");
            if self.look.is_none_or(|planned| next < planned) {
                self.look = Some(next);
                self.later(next, Event::Look);
            }
        }
    }

    fn built(&mut self, id: FlavourId, took: Duration) {
        let kib = self.kib(id);
        self.end_build(id);
        self.outcome.built += 1;
        match self.planner.built(id, took) {
            Verdict::Keep => *self.outcome.ready.entry(id).or_default() += 1,
            Verdict::Discard => {
                self.outcome.discarded += 1;
                self.send_back(kib);
            }
        }
    }

    fn end_build(&mut self, id: FlavourId) {
        let building = self.building.get_mut(&id).expect("a build that was begun");
        *building -= 1;
    }

    fn kib(&self, id: FlavourId) -> u64 {
        self.planner.flavour(id).expect("a flavour with shells is known").footprint_kib()
    }

    fn discard(&mut self, discards: Vec<Discard>) {
        for Discard { flavour, count, kib } in discards {
            let there = self.outcome.ready.get_mut(&flavour).expect("shells that were built");
            *there = there.checked_sub(count).expect("shells that are there");
            self.outcome.discarded += count;
            self.send_back(kib);
        }
    }

    fn send_back(&mut self, kib: u64) {
        self.returning += kib;
        self.after(self.costs.destroy, Event::ShellsBack(kib));
    }

    /// What has to hold after every event.
    fn check(&mut self) {
        let report = self.planner.report();
        assert!(report.used_kib <= self.settings.budget_kib, "the budget holds");
        assert_eq!(report.on_its_way.from_shells, self.returning, "what comes back is known");
        let promised: u64 = self.waiting.iter().map(|guest| guest.kib).sum();
        assert_eq!(report.on_its_way.promised, promised, "promises are known");
        let learned = report.flavours.iter().filter(|f| f.origin == Origin::Learned).count();
        assert!(learned <= self.settings.learn.flavours as usize, "few are learned");
        let mut building = 0;
        for flavour in &report.flavours {
            let ready = self.outcome.ready.get(&flavour.id).copied().unwrap_or(0);
            assert_eq!(flavour.ready, ready, "shells are counted");
            let under_way = self.building.get(&flavour.id).copied().unwrap_or(0);
            assert_eq!(flavour.building, under_way, "builds are counted");
            let all = flavour.ready + flavour.building;
            let most = flavour.marks.high();
            assert!(all <= most || flavour.origin == Origin::Withdrawn, "high watermarks hold");
            building += flavour.building;
        }
        assert!(building <= self.settings.builds.max(1), "few are built at once");
        let there: u32 = self.outcome.ready.values().sum();
        assert_eq!(
            there,
            report.flavours.iter().map(|f| f.ready).sum::<u32>(),
            "none is forgotten"
        );
        self.outcome.most_kib = self.outcome.most_kib.max(report.used_kib);
    }
}
