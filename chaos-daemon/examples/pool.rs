//! Prints what the pool's policy makes of traces of requests.
//!
//! ```sh
//! cargo run -p chaos-daemon --example pool
//! ```

#[path = "../tests/pool/dice.rs"]
mod dice;
#[path = "../tests/pool/outcome.rs"]
mod outcome;
#[path = "../tests/pool/scenarios.rs"]
mod scenarios;
#[path = "../tests/pool/traces.rs"]
mod traces;
#[path = "../tests/pool/world.rs"]
mod world;

use scenarios::Scenario;

fn main() {
    println!(
        "{:38} {:>8} {:>7} {:>6} {:>8} {:>8} {:>8} {:>9} {:>8} {:>9} {:>7}",
        "trace",
        "requests",
        "hits %",
        "blank",
        "p50 ms",
        "p99 ms",
        "worst ms",
        "mean MiB",
        "top MiB",
        "GiB*s",
        "unused"
    );
    for scenario in all() {
        let outcome = scenario.run();
        let per_mille = outcome.hits_per_mille();
        let millis = |per_mille| outcome.wait(per_mille).as_secs_f64() * 1000.0;
        println!(
            "{:38} {:>8} {:>5}.{} {:>6} {:>8.2} {:>8.2} {:>8.2} {:>9.1} {:>8} {:>9.1} {:>7}",
            scenario.name,
            outcome.requests,
            per_mille / 10,
            per_mille % 10,
            outcome.blank,
            millis(500),
            millis(990),
            millis(1000),
            outcome.mean_mib(),
            outcome.most_kib >> 10,
            outcome.kib_seconds / f64::from(1 << 20),
            outcome.discarded
        );
    }
}

fn all() -> Vec<Scenario> {
    vec![
        Scenario::steady(),
        Scenario::slow_builds(),
        Scenario::bursty(),
        Scenario::large_bursts(),
        Scenario::paper(),
        Scenario::paper_declared(),
        Scenario::overrun(),
        Scenario::idle_then_burst(),
        Scenario::long_idle(),
        Scenario::many(),
        Scenario::many_in_little(),
        Scenario::own_command_lines(),
    ]
}
