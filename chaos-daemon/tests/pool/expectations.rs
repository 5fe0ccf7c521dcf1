//! What becomes of the traces.

use std::time::Duration;

use super::outcome::Outcome;
use super::scenarios::Scenario;

/// Runs `scenario`; at least `hits` of a thousand requests find a shell.
fn run(scenario: &Scenario, hits: u32) -> Outcome {
    let outcome = scenario.run();
    assert!(outcome.hits_per_mille() >= hits, "{}: {}", scenario.name, outcome.hits_per_mille());
    assert_eq!((outcome.refused, outcome.waiting), (0, 0), "{}", scenario.name);
    outcome
}

#[test]
fn steady_requests_are_served_after_the_first_ones() {
    let outcome = run(&Scenario::steady(), 999);
    assert!(outcome.mean_mib() < 32.0, "{}", outcome.mean_mib());
}

#[test]
fn depth_follows_the_time_that_building_takes() {
    let outcome = run(&Scenario::slow_builds(), 990);
    assert!(outcome.mean_mib() > 100.0, "{}", outcome.mean_mib());
}

#[test]
fn all_but_the_first_burst_is_served() {
    let outcome = run(&Scenario::bursty(), 930);
    assert_eq!(outcome.discarded, 0);
}

#[test]
fn a_burst_beyond_the_budget_gets_what_the_budget_allows() {
    run(&Scenario::large_bursts(), 250);
}

#[test]
fn a_guest_every_10_ms_finds_a_shell_at_little_cost() {
    let learned = run(&Scenario::paper(), 999);
    assert!(learned.most_kib < 16 << 10, "{}", learned.most_kib);
    run(&Scenario::paper_declared(), 1000);
}

#[test]
fn requests_that_outrun_building_still_get_what_is_built() {
    run(&Scenario::overrun(), 450);
}

#[test]
fn a_burst_is_remembered_over_minutes_but_not_for_ever() {
    run(&Scenario::idle_then_burst(), 790);
    let outcome = run(&Scenario::long_idle(), 160);
    // The low watermark is there in any case.
    assert_eq!(outcome.loaded, 4 * 16);
    assert!(outcome.discarded >= 84 * 3, "{}", outcome.discarded);
}

#[test]
fn many_kinds_share_the_pool_without_much_waste() {
    let outcome = run(&Scenario::many(), 980);
    assert!(outcome.discarded * 6 < outcome.built, "{} of {}", outcome.discarded, outcome.built);
    let outcome = run(&Scenario::many_in_little(), 600);
    assert!(outcome.discarded * 6 < outcome.built, "{} of {}", outcome.discarded, outcome.built);
}

#[test]
fn guests_with_their_own_command_lines_get_blank_shells() {
    let outcome = run(&Scenario::own_command_lines(), 995);
    assert_eq!(outcome.loaded, 0);
    assert_eq!(outcome.wait(500), Duration::from_micros(750));
}
