//! The traces, each with the settings it is run with.

use std::time::Duration;

use chaos_daemon::pool::{Learn, Settings, Watermarks};

use super::outcome::Outcome;
use super::traces::{self, Request, guest};
use super::world::{Costs, World};

/// A trace and the pool it meets.
pub(crate) struct Scenario {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The pool's settings.
    pub(crate) settings: Settings,
    /// What building takes.
    pub(crate) costs: Costs,
    /// The watermarks of a flavour for image 1, if one is declared for it, and its MiB.
    pub(crate) declared: Option<(Watermarks, u32)>,
    /// The requests.
    pub(crate) requests: Vec<Request>,
    /// When it ends.
    pub(crate) end: Duration,
}

/// Free memory of the host in KiB.
pub(crate) const HOST: u64 = 16 << 20;

const MINUTE: Duration = Duration::from_secs(60);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Scenario {
    fn new(name: &'static str, requests: Vec<Request>, end: Duration) -> Self {
        let (settings, costs) = (Settings::default(), Costs::default());
        Scenario { name, settings, costs, declared: None, requests, end }
    }

    fn of(self, mib: u64) -> Self {
        let settings = Settings { budget_kib: mib << 10, ..self.settings };
        Scenario { settings, ..self }
    }

    fn with(self, low: u32, high: u32, mib: u32) -> Self {
        Scenario { declared: Some((Watermarks::new(low, high), mib)), ..self }
    }

    /// Runs it.
    pub(crate) fn run(&self) -> Outcome {
        let mut world = World::new(self.settings, self.costs, HOST);
        if let Some((marks, mib)) = self.declared {
            world.planner.declare(Duration::ZERO, guest(1, mib).flavour().clone(), marks);
        }
        world.run(&self.requests, self.end)
    }

    /// Requests that come by themselves, 20 a second.
    pub(crate) fn steady() -> Self {
        Scenario::new("steady, 20/s", traces::steady(1, millis(50), 5 * MINUTE), 5 * MINUTE)
    }

    /// The same with shells that take half a second.
    pub(crate) fn slow_builds() -> Self {
        let costs = Costs { build: millis(400), load: millis(100), ..Costs::default() };
        let settings = Settings { builds: 20, budget_kib: 1 << 20, ..Settings::default() };
        let name = "steady, 20/s, 500 ms builds";
        Scenario { name, costs, settings, ..Scenario::steady() }
    }

    /// Bursts of 50.
    pub(crate) fn bursty() -> Self {
        let trace = traces::bursts(50, Duration::from_secs(20), 15);
        Scenario::new("bursts of 50, each 20 s", trace, 5 * MINUTE).of(512)
    }

    /// Bursts larger than the budget.
    pub(crate) fn large_bursts() -> Self {
        let trace = traces::bursts(100, Duration::from_secs(20), 15);
        let settings =
            Settings { learn: Learn { high: 200, ..Learn::default() }, ..Settings::default() };
        let plain = Scenario::new("bursts of 100, room for 27", trace, 5 * MINUTE);
        Scenario { settings, ..plain }
    }

    /// The paper's: a guest every 10 ms, which stays.
    pub(crate) fn paper() -> Self {
        let trace = traces::paper(millis(10), 2000);
        Scenario::new("paper, 10 ms, learned", trace, MINUTE)
    }

    /// The same, declared in advance.
    pub(crate) fn paper_declared() -> Self {
        Scenario { name: "paper, 10 ms, declared 8-64", ..Scenario::paper().with(8, 64, 4) }
    }

    /// Faster than shells can be built.
    pub(crate) fn overrun() -> Self {
        let trace = traces::paper(millis(1), 2000);
        Scenario::new("1 ms, 2 ms builds, declared 8-64", trace, MINUTE).with(8, 64, 4)
    }

    /// Minutes of nothing before bursts.
    pub(crate) fn idle_then_burst() -> Self {
        let trace = traces::bursts(100, 5 * MINUTE, 4);
        Scenario::new("idle, then 100, declared 16-128", trace, 21 * MINUTE)
            .of(2048)
            .with(16, 128, 8)
    }

    /// Pauses longer than the memory of bursts.
    pub(crate) fn long_idle() -> Self {
        let trace = traces::bursts(100, 20 * MINUTE, 4);
        let name = "long idle, then 100, declared 16-128";
        Scenario::new(name, trace, 81 * MINUTE).of(2048).with(16, 128, 8)
    }

    /// Forty kinds of guests in a small pool.
    pub(crate) fn many() -> Self {
        let trace = traces::many(3, 40, millis(50), 5 * MINUTE);
        Scenario::new("40 kinds, 20/s", trace, 5 * MINUTE)
    }

    /// The same with hardly any memory.
    pub(crate) fn many_in_little() -> Self {
        Scenario { name: "40 kinds, 20/s, 64 MiB", ..Scenario::many().of(64) }
    }

    /// Guests that no loaded shell can serve.
    pub(crate) fn own_command_lines() -> Self {
        let trace = traces::own_command_lines(millis(50), 2000);
        Scenario::new("own command lines, 20/s", trace, 2 * MINUTE)
    }
}
