//! What holds for any pool and any requests. [`World`] checks after every event that the
//! budget and the high watermarks hold, that all is counted, and that shells are built from memory
//! that is there.

use std::time::Duration;

use chaos_daemon::pool::{Learn, Planner, Settings, Watermarks};
use proptest::collection::vec;
use proptest::prelude::*;

use super::outcome::Outcome;
use super::traces::{Request, guest, variant};
use super::world::{Costs, World};

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn settings() -> impl Strategy<Value = Settings> {
    let learn = (0..4_u32, 1..4_u32, 1..20_u32, millis(0..5000));
    let learn =
        learn.prop_map(|(flavours, after, high, forget)| Learn { flavours, after, high, forget });
    let waits = (millis(0..30), millis(0..5000), millis(0..500), millis(0..200), millis(0..2000));
    (0..300_u64, 0..64_u64, 0..5_u32, waits, learn).prop_map(
        |(budget, keep_free, builds, waits, learn)| Settings {
            budget_kib: budget << 10,
            keep_free_kib: keep_free << 10,
            builds,
            patience: waits.0,
            memory: waits.1,
            linger: waits.2,
            retry_first: waits.3,
            retry_most: waits.4,
            learn,
        },
    )
}

fn costs() -> impl Strategy<Value = Costs> {
    (millis(0..40), millis(0..10), millis(0..3), millis(0..40))
        .prop_map(|(build, load, finish, destroy)| Costs { build, load, finish, destroy })
}

fn request() -> impl Strategy<Value = Request> {
    let wanted = (0..6_u32, 1..4_u32, any::<bool>());
    (millis(0..3000), wanted, millis(0..2000)).prop_map(|(at, (image, size, own), life)| {
        let cmdline = if own { at.as_millis().to_string() } else { String::new() };
        Request { at, wanted: variant(image, size * 6, &cmdline), life }
    })
}

/// Declared flavours: image, MiB / 6 and watermarks, and whether their shells fail.
type Declared = Vec<(u32, u32, u32, u32, bool)>;

#[derive(Clone, Debug)]
struct Case {
    settings: Settings,
    costs: Costs,
    free: u64,
    declared: Declared,
    requests: Vec<Request>,
}

fn case() -> impl Strategy<Value = Case> {
    let declared = vec((0..6_u32, 1..4_u32, 0..8_u32, 0..20_u32, any::<bool>()), 0..4);
    (settings(), costs(), 0..1024_u64, declared, vec(request(), 0..120)).prop_map(
        |(settings, costs, free, declared, requests)| Case {
            settings,
            costs,
            free: free << 10,
            declared,
            requests,
        },
    )
}

impl Case {
    fn run(&self) -> Outcome {
        let mut world = World::new(self.settings, self.costs, self.free);
        let mut failing = Vec::new();
        for &(image, size, low, high, fails) in &self.declared {
            let flavour = guest(image, size * 6).flavour().clone();
            let id = world.planner.declare(Duration::ZERO, flavour, Watermarks::new(low, high));
            if fails {
                failing.push(id);
            }
        }
        world.fails = Box::new(move |id, number| failing.contains(&id) && number % 3 != 0);
        world.run(&self.requests, Duration::from_secs(30))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rules_hold_all_requests_are_answered_and_runs_repeat(case in case()) {
        let outcome = case.run();
        prop_assert_eq!(outcome.waiting, 0);
        let used = outcome.loaded + outcome.blank;
        let there: u32 = outcome.ready.values().sum();
        prop_assert_eq!(outcome.built, used + outcome.discarded + there, "no shell is lost");
        prop_assert_eq!(&outcome, &case.run());
    }

    #[test]
    fn in_quiet_every_sound_flavour_gets_its_shells_whatever_fails_beside_it(
        lows in vec((1..10_u32, any::<bool>()), 1..8),
        builds in 1..4_u32,
        retry in millis(0..50),
    ) {
        let settings =
            Settings { builds, retry_first: retry, budget_kib: 1 << 20, ..Settings::default() };
        let mut world = World::new(settings, Costs::default(), 2 << 20);
        let flavours: Vec<_> = (0..).zip(&lows).map(|(image, &(low, fails))| {
            let flavour = guest(image, 8).flavour().clone();
            (world.planner.declare(Duration::ZERO, flavour, Watermarks::new(low, 16)), low, fails)
        }).collect();
        let failing: Vec<_> = flavours.iter().filter(|f| f.2).map(|f| f.0).collect();
        world.fails = Box::new(move |id, _| failing.contains(&id));
        let outcome = world.run(&[], Duration::from_secs(1));
        for (id, low, fails) in flavours {
            let ready = outcome.ready.get(&id).copied().unwrap_or(0);
            prop_assert_eq!(ready, if fails { 0 } else { low });
        }
    }

    #[test]
    fn nobody_starves_beside_one_who_asks_without_end(
        pause in 200..3000_u64,
        quiet in 1..6_u32,
        builds in 1..4_u32,
    ) {
        // A guest every `pause` µs of the first kind; the others have a low watermark of one.
        let settings = Settings { builds, ..Settings::default() };
        let mut world = World::new(settings, Costs::default(), 16 << 20);
        let ids: Vec<_> = (1..=quiet).map(|image| {
            let flavour = guest(image, 8).flavour().clone();
            world.planner.declare(Duration::ZERO, flavour, Watermarks::new(1, 4))
        }).collect();
        let requests: Vec<_> = (0..300).map(|n| Request {
            at: Duration::from_micros(n * pause),
            wanted: guest(0, 8),
            life: Duration::from_secs(9),
        }).collect();
        let outcome = world.run(&requests, Duration::from_micros(300 * pause));
        for id in ids {
            prop_assert!(outcome.ready.get(&id).is_some_and(|&ready| ready > 0));
        }
    }

    #[test]
    fn claims_discard_no_more_than_needed_or_nothing(
        lows in vec((0..6_u32, 1..5_u32), 1..6),
        claims in vec((0..60_000_u64, 0..40_000_u64), 1..8),
    ) {
        let settings = Settings { builds: 100, keep_free_kib: 0, ..Settings::default() };
        let mut planner = Planner::new(settings, 1);
        for (image, &(low, size)) in (0..).zip(&lows) {
            let flavour = guest(image, size * 6).flavour().clone();
            planner.declare(Duration::ZERO, flavour, Watermarks::new(low, low));
        }
        for id in planner.plan(Duration::ZERO, 1 << 20).builds {
            planner.built(id, Duration::ZERO);
        }
        for (kib, free) in claims {
            let (before, way) = (planner.clone(), planner.on_its_way());
            let missing = (way.promised + kib).saturating_sub(free + way.coming());
            match planner.claim(Duration::ZERO, kib, free) {
                Ok(claimed) => {
                    let freed: u64 = claimed.discards.iter().map(|d| d.kib).sum();
                    prop_assert!(freed >= missing);
                    for discard in &claimed.discards {
                        prop_assert!(freed - discard.kib / u64::from(discard.count) < missing);
                    }
                }
                Err(short) => {
                    let shells: u64 =
                        before.report().flavours.iter().map(|f| f.kib * u64::from(f.ready)).sum();
                    prop_assert_eq!(short.missing_kib, missing - shells);
                    prop_assert_eq!(before.report(), planner.report());
                }
            }
        }
    }
}
