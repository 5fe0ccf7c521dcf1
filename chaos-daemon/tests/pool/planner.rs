//! Single decisions.

use std::time::Duration;

use chaos_daemon::pool::{
    Answer, Flavour, FlavourId, FlavourReport, Learn, Level, Origin, Planner, Settings, Verdict,
    Wanted, Watermarks,
};

use super::traces::{guest, variant};

const GIB: u64 = 1 << 20;
const TOOK: Duration = Duration::from_millis(2);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A planner that learns nothing, and the flavour of `wanted` with these watermarks.
fn declared(wanted: &Wanted, low: u32, high: u32) -> (Planner, FlavourId) {
    let learn = Learn { flavours: 0, ..Learn::default() };
    let mut planner = Planner::new(Settings { learn, builds: 4, ..Settings::default() }, 1);
    let id = declare(&mut planner, wanted.flavour(), low, high);
    (planner, id)
}

fn declare(planner: &mut Planner, flavour: &Flavour, low: u32, high: u32) -> FlavourId {
    planner.declare(Duration::ZERO, flavour.clone(), Watermarks::new(low, high))
}

/// Builds what is planned until nothing is; discarded shells are back at once.
fn settle(planner: &mut Planner, now: Duration) {
    loop {
        let plan = planner.plan(now, GIB);
        plan.discards.iter().for_each(|discard| planner.shells_returned(discard.kib));
        if plan.builds.is_empty() && plan.discards.is_empty() {
            return;
        }
        plan.builds.into_iter().for_each(|id| assert_eq!(planner.built(id, TOOK), Verdict::Keep));
    }
}

fn of(planner: &Planner, id: FlavourId) -> FlavourReport<'_> {
    planner.report().flavours.into_iter().find(|flavour| flavour.id == id).expect("a flavour")
}

/// A request that is served at once.
fn ask(planner: &mut Planner, now: Duration, wanted: &Wanted) -> Answer {
    let answer = planner.asked(now, wanted);
    planner.served(answer);
    answer
}

#[test]
fn loaded_shells_go_before_blank_ones() {
    let wanted = guest(1, 8);
    let (mut planner, loaded) = declared(&wanted, 1, 1);
    let blank = declare(&mut planner, &wanted.flavour().blank(), 1, 1);
    settle(&mut planner, ms(0));
    let take = |flavour, level| Answer::Take { flavour, level };
    assert_eq!(ask(&mut planner, ms(1), &wanted), take(loaded, Level::Loaded));
    assert_eq!(ask(&mut planner, ms(1), &wanted), take(blank, Level::Blank));
    assert_eq!(ask(&mut planner, ms(1), &wanted), Answer::Build);
    let counts = of(&planner, loaded).counts;
    assert_eq!((counts.hits, counts.misses), (1, 2));
}

#[test]
fn another_guest_s_shell_is_not_taken() {
    let (mut planner, _) = declared(&guest(1, 8), 4, 4);
    settle(&mut planner, ms(0));
    for other in [guest(2, 8), guest(1, 9), variant(1, 8, "quiet")] {
        assert_eq!(ask(&mut planner, ms(1), &other), Answer::Build);
    }
}

#[test]
fn a_new_version_of_an_image_takes_the_place_of_the_old() {
    let old = guest(1, 8);
    let (mut planner, id) = declared(&old, 2, 8);
    settle(&mut planner, ms(0));
    let mut flavour = old.flavour().clone();
    if let Some(image) = &mut flavour.image {
        image.kernel.stamp.len += 1;
    }
    let image = flavour.image.clone().expect("an image");
    let new = Wanted::new(flavour.form, image);
    assert_eq!(ask(&mut planner, ms(1), &new), Answer::Build);
    let plan = planner.plan(ms(1), GIB);
    assert_eq!(plan.discards.iter().map(|d| (d.flavour, d.count)).collect::<Vec<_>>(), [(id, 2)]);
    let new_id = planner.find(&flavour).expect("the new flavour");
    assert_eq!(plan.builds, [new_id, new_id]);
    assert_eq!(of(&planner, new_id).origin, Origin::Declared);
    assert_eq!(planner.flavour(id), None);
}

#[test]
fn shells_of_a_withdrawn_flavour_go_even_those_being_built() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 3, 3);
    settle(&mut planner, ms(0));
    ask(&mut planner, ms(1), &wanted);
    assert_eq!(planner.plan(ms(1), GIB).builds, [id]);
    planner.withdraw(wanted.flavour());
    assert_eq!(ask(&mut planner, ms(2), &wanted), Answer::Build);
    assert_eq!(planner.plan(ms(2), GIB).discards[0].count, 2);
    assert_eq!(planner.built(id, TOOK), Verdict::Discard);
    assert_eq!(planner.plan(ms(3), GIB).next, None);
    assert!(planner.report().flavours.is_empty());
}

#[test]
fn a_broken_shell_is_followed_by_the_next() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 2, 2);
    settle(&mut planner, ms(0));
    let first = planner.asked(ms(1), &wanted);
    let second = planner.found_broken(ms(1), id, 9, &wanted);
    assert_eq!(first, second);
    assert_eq!(planner.found_broken(ms(1), id, 9, &wanted), Answer::Build);
    assert_eq!(planner.on_its_way().from_shells, 18);
    planner.served(Answer::Build);
    settle(&mut planner, ms(1));
    assert_eq!(of(&planner, id).ready, 2);
}

#[test]
fn a_failing_flavour_waits_longer_each_time_and_stops_no_other() {
    let (bad, good) = (guest(1, 8), guest(2, 8));
    let (mut planner, bad_id) = declared(&bad, 4, 4);
    let good_id = declare(&mut planner, good.flavour(), 4, 4);
    let (mut now, mut tries) = (Duration::ZERO, 0);
    while now < Duration::from_secs(60) {
        let plan = planner.plan(now, GIB);
        for id in plan.builds {
            if id == bad_id {
                planner.failed(now, id, 0);
                tries += 1;
            } else {
                planner.built(id, TOOK);
            }
        }
        assert!(now > ms(20) || of(&planner, good_id).ready <= 4);
        now = plan.next.unwrap_or(now + ms(10)).max(now + ms(10));
    }
    assert_eq!(of(&planner, good_id).ready, 4);
    // Four at first; then after 0.1, 0.2, 0.4 … seconds, or a little less each.
    assert!((8..=16).contains(&tries), "{tries}");
}

#[test]
fn nothing_is_built_while_a_shell_is_being_finished_within_patience() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 2, 2);
    settle(&mut planner, ms(0));
    let answers = [planner.asked(ms(1), &wanted), planner.asked(ms(1), &wanted)];
    let plan = planner.plan(ms(1), GIB);
    assert_eq!((plan.builds, plan.next), (vec![], Some(ms(21))));
    assert_eq!(planner.plan(ms(21), GIB).builds, [id]);
    assert_eq!(planner.plan(ms(21), GIB).builds, []);
    answers.into_iter().for_each(|answer| planner.served(answer));
    assert_eq!(planner.plan(ms(22), GIB).builds, [id]);
}

#[test]
fn shells_nobody_needs_stay_for_a_while() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 4, 4);
    settle(&mut planner, ms(0));
    declare(&mut planner, wanted.flavour(), 1, 4);
    let plan = planner.plan(ms(5), GIB);
    assert!(plan.discards.is_empty());
    assert_eq!(plan.next, Some(ms(10_005)));
    let plan = planner.plan(ms(10_005), GIB);
    assert_eq!((plan.discards[0].flavour, plan.discards[0].count), (id, 3));
}

#[test]
fn shells_of_an_earlier_daemon_are_counted() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 1, 4);
    assert!(planner.adopted(id) && planner.adopted(id));
    let plan = planner.plan(ms(0), GIB);
    assert_eq!((plan.builds, of(&planner, id).ready), (vec![], 2));
    assert_eq!(planner.plan(ms(10_000), GIB).discards[0].count, 1);
    planner.withdraw(wanted.flavour());
    assert!(!planner.adopted(id));
}

#[test]
fn the_hot_take_from_the_cold() {
    let (cold, hot) = (guest(1, 8), guest(2, 8));
    let (mut planner, cold_id) = declared(&cold, 0, 100);
    let hot_id = declare(&mut planner, hot.flavour(), 0, 100);
    (0..100).for_each(|_| _ = ask(&mut planner, ms(0), &cold));
    settle(&mut planner, ms(0));
    let full = of(&planner, cold_id).ready;
    assert!(full > 20, "{full}");
    (0..100).for_each(|_| _ = ask(&mut planner, ms(1000), &hot));
    settle(&mut planner, ms(1000));
    let (cold, hot) = (of(&planner, cold_id).ready, of(&planner, hot_id).ready);
    assert!(cold.abs_diff(hot) <= 1 && cold + hot >= full - 1, "{cold} and {hot} of {full}");
}

#[test]
fn a_lower_budget_is_kept_at_once() {
    let (mut planner, id) = declared(&guest(1, 8), 10, 10);
    settle(&mut planner, ms(0));
    planner.configure(Settings { budget_kib: 40 << 10, builds: 4, ..Settings::default() });
    assert_eq!(planner.plan(ms(1), GIB).discards[0].count, 6);
    assert_eq!(of(&planner, id).ready, 4);
}

#[test]
fn a_guest_s_claim_makes_shells_give_way_as_far_as_needed() {
    let (mut planner, id) = declared(&guest(1, 8), 10, 10);
    settle(&mut planner, ms(0));
    let kib = of(&planner, id).kib;
    assert!(planner.claim(ms(1), 5000, 5000).is_ok_and(|c| c.free_now && c.discards.is_empty()));
    // Promised to the first.
    let claimed = planner.claim(ms(1), 2 * kib + 1, 5000).expect("shells give way");
    assert_eq!((claimed.discards[0].count, claimed.free_now), (3, false));
    // The rest of the third shell is on its way in any case.
    assert_eq!(planner.claim(ms(1), kib - 1, 5000).map(|c| c.discards), Ok(vec![]));
    let before = planner.clone().report().on_its_way;
    let short = planner.claim(ms(1), 7 * kib + 1, 5000).expect_err("too much");
    assert_eq!(short.missing_kib, 1);
    assert_eq!((of(&planner, id).ready, planner.on_its_way()), (7, before));
}

#[test]
fn shells_being_built_give_way_last() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 6, 6);
    let free = 1 << 20;
    assert_eq!(planner.plan(ms(0), free).builds.len(), 4);
    assert_eq!(planner.built(id, TOOK), Verdict::Keep);
    let kib = of(&planner, id).kib;
    // Three are being built and may take 3 · kib of what is free.
    let claimed = planner.claim(ms(1), free - 3 * kib + 2 * kib, free).expect("two give way");
    assert_eq!(claimed.discards.iter().map(|d| d.count).sum::<u32>(), 1);
    assert_eq!(planner.built(id, TOOK), Verdict::Discard);
    assert_eq!(planner.built(id, TOOK), Verdict::Keep);
    assert_eq!(planner.built(id, TOOK), Verdict::Keep);
}

#[test]
fn kinds_are_learned_when_they_recur_and_forgotten_when_nobody_asks() {
    let mut planner = Planner::new(Settings::default(), 1);
    let wanted = guest(1, 8);
    ask(&mut planner, ms(0), &wanted);
    assert!(planner.report().flavours.is_empty());
    ask(&mut planner, ms(1), &wanted);
    settle(&mut planner, ms(1));
    let report = planner.report();
    let learned = &report.flavours[0];
    assert_eq!((learned.flavour, learned.origin), (wanted.flavour(), Origin::Learned));
    let end = Duration::from_secs(1801);
    assert!(planner.plan(end, GIB).discards.iter().all(|discard| discard.count > 0));
    assert!(planner.report().flavours.is_empty());
}

#[test]
fn a_rarer_kind_does_not_push_out_a_more_frequent_one() {
    let learn = Learn { flavours: 2, ..Learn::default() };
    let mut planner = Planner::new(Settings { learn, ..Settings::default() }, 1);
    // Ten kinds in turn: two are learned, and stay.
    for round in 0..20 {
        for kind in 0..10 {
            ask(&mut planner, ms(u64::from(round * 10 + kind) * 1000), &guest(kind, 8 + kind));
        }
    }
    let hits: u64 = planner.report().flavours.iter().map(|f| f.counts.misses + f.counts.hits).sum();
    assert_eq!(hits, 2 * 19);
    // One that comes far more often does.
    for n in 0..4 {
        ask(&mut planner, ms(200_000 + n * 100), &guest(77, 32));
    }
    assert!(planner.find(guest(77, 32).flavour()).is_some());
}

#[test]
fn no_learned_flavour_is_larger_than_a_part_of_the_budget() {
    let mut planner = Planner::new(Settings::default(), 1);
    (0..9).for_each(|n| _ = ask(&mut planner, ms(n), &guest(1, 128)));
    assert!(planner.report().flavours.is_empty());
    assert_eq!(planner.report().strangers, 9);
}

#[test]
fn shells_leave_the_host_its_reserve() {
    let (mut planner, id) = declared(&guest(1, 8), 10, 10);
    let kib = of(&planner, id).kib;
    let reserve = Settings::default().keep_free_kib;
    assert_eq!(planner.plan(ms(0), reserve + kib - 1).builds, []);
    assert_eq!(planner.plan(ms(0), reserve + 2 * kib).builds, [id, id]);
}

#[test]
fn a_flavour_that_fails_at_once_leaves_its_turn_to_others() {
    let (bad, good) = (guest(1, 8), guest(2, 8));
    let none = Learn { flavours: 0, ..Learn::default() };
    let settings = Settings { learn: none, retry_first: ms(0), ..Settings::default() };
    let mut planner = Planner::new(settings, 1);
    let bad_id = declare(&mut planner, bad.flavour(), 4, 4);
    let good_id = declare(&mut planner, good.flavour(), 4, 4);
    for n in 0..8 {
        for id in planner.plan(ms(n), GIB).builds {
            if id == bad_id {
                planner.failed(ms(n), id, 0);
            } else {
                planner.built(id, TOOK);
            }
        }
    }
    assert_eq!(of(&planner, good_id).ready, 4);
}

#[test]
fn a_flavour_that_fails_holds_no_part_of_the_budget() {
    let (bad, good) = (guest(1, 8), guest(2, 8));
    let (mut planner, bad_id) = declared(&bad, 100, 100);
    planner.plan(ms(0), GIB).builds.into_iter().for_each(|id| planner.failed(ms(0), id, 0));
    let good_id = declare(&mut planner, good.flavour(), 0, 100);
    (0..100).for_each(|_| _ = ask(&mut planner, ms(1), &good));
    settle(&mut planner, ms(1));
    let all = Settings::default().budget_kib / of(&planner, good_id).kib;
    assert_eq!(u64::from(of(&planner, good_id).ready), all - 1);
    assert_eq!(of(&planner, bad_id).share, 1);
}

#[test]
fn requests_during_an_outage_say_nothing_about_bursts() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 1, 100);
    planner.plan(ms(0), GIB).builds.into_iter().for_each(|id| planner.failed(ms(0), id, 0));
    for n in 1..100 {
        ask(&mut planner, ms(n), &wanted);
    }
    planner.plan(ms(99), GIB);
    assert_eq!(of(&planner, id).depth, 1);
}

#[test]
fn nobody_gives_way_for_memory_that_comes_anyway() {
    let (cold, hot) = (guest(1, 8), guest(2, 8));
    let (mut planner, cold_id) = declared(&cold, 0, 100);
    declare(&mut planner, hot.flavour(), 0, 100);
    (0..100).for_each(|_| _ = ask(&mut planner, ms(0), &cold));
    settle(&mut planner, ms(0));
    let full = of(&planner, cold_id).ready;
    (0..100).for_each(|_| _ = ask(&mut planner, ms(1), &hot));
    let first = planner.plan(ms(1), GIB);
    assert_eq!(first.discards.iter().map(|discard| discard.count).sum::<u32>(), 1);
    assert_eq!(planner.plan(ms(2), GIB).discards, []);
    assert_eq!(of(&planner, cold_id).ready, full - 1);
    planner.shells_returned(first.discards[0].kib);
    assert_eq!(planner.plan(ms(3), GIB).builds.len(), 1);
}

#[test]
fn shells_are_not_built_from_memory_that_is_promised() {
    let (mut planner, id) = declared(&guest(1, 8), 4, 4);
    let reserve = Settings::default().keep_free_kib;
    planner.guest_ended(1 << 20);
    assert!(planner.claim(ms(0), 50_000, 10_000).is_ok_and(|claimed| !claimed.free_now));
    assert_eq!(planner.plan(ms(0), 20_000 + reserve).builds, []);
    planner.settle(50_000);
    assert_eq!(planner.plan(ms(1), 20_000 + reserve).builds, [id, id]);
}

#[test]
fn what_the_budget_did_not_allow_is_not_asked_for_again() {
    let wanted = guest(1, 8);
    let (mut planner, id) = declared(&wanted, 0, 1000);
    for burst in 0..5 {
        (0..100).for_each(|_| _ = ask(&mut planner, ms(burst * 1000), &wanted));
        settle(&mut planner, ms(burst * 1000));
    }
    let flavour = of(&planner, id);
    assert_eq!((flavour.depth, flavour.ready), (100, flavour.share));
    assert!(flavour.share < 30);
}

#[test]
fn each_flavour_in_need_gets_room_of_its_own() {
    let cold = guest(1, 8);
    let (mut planner, cold_id) = declared(&cold, 0, 100);
    (0..100).for_each(|_| _ = ask(&mut planner, ms(0), &cold));
    settle(&mut planner, ms(0));
    for image in 2..5 {
        let hot = guest(image, 8);
        declare(&mut planner, hot.flavour(), 0, 100);
        (0..100).for_each(|_| _ = ask(&mut planner, ms(1), &hot));
    }
    let plan = planner.plan(ms(1), GIB);
    assert_eq!(
        plan.discards.iter().map(|d| (d.flavour, d.count)).collect::<Vec<_>>(),
        [(cold_id, 1); 3]
    );
}
