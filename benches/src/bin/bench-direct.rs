//! The library's own path: create, boot and destroy a guest, many times. And what a
//! process costs on the same host: fork and exec of `/bin/true`.
//!
//! As in `benches/floor`, every round follows a rest, so that work Xen puts off (such
//! as scrubbing the memory of the last guest) is not booked on the next.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use lightvm::config::{GuestConfig, GuestOverrides, GuestType, MemSize};
use lightvm::create::Creator;
use lightvm::domain::{End, Stage, Timings, Watch};
use lightvm::xen::{Call, CallMonitor, ShutdownReason, Xen};
use lightvm_bench::Summary;
use serde::Serialize;

/// Times the library's direct create, boot and destroy of a guest.
#[derive(Parser)]
struct Args {
    /// Guest image that powers itself off, such as target/guests/noop.
    kernel: PathBuf,
    /// Rounds measured, after a few that are not.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Milliseconds of rest before each round.
    #[arg(long, default_value_t = 10)]
    rest: u64,
    /// Guest memory in MiB.
    #[arg(long, default_value_t = 4)]
    memory: u64,
    /// pvh or pv.
    #[arg(long = "type", default_value = "pvh")]
    guest_type: GuestType,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

const WARM_UP: u32 = 5;

/// One guest's life.
struct Round {
    create: Duration,
    boot: Duration,
    destroy: Duration,
    stages: Timings,
}

#[derive(Serialize)]
struct Report {
    direct_ms: f64,
    boot_ms: f64,
    destroy_ms: f64,
    forkexec_ms: f64,
    rounds: u32,
    calls: u32,
    details: BTreeMap<&'static str, Summary>,
    stages: BTreeMap<&'static str, Summary>,
}

/// Counts calls.
struct Counter(Arc<AtomicU32>);

impl CallMonitor for Counter {
    fn before(&self, _call: Call) -> Result<(), nix::errno::Errno> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let config = GuestConfig::from_overrides(GuestOverrides {
        kernel: Some(args.kernel.clone()),
        memory: Some(MemSize::from_mib(args.memory)?),
        guest_type: Some(args.guest_type),
        ..Default::default()
    })?
    .config;
    let calls = count_calls(&config)?;
    let xen = Xen::open()?;
    let creator = Creator::new(&xen);
    let watch = Watch::new(&xen)?;
    let rest = Duration::from_millis(args.rest);
    let rounds = repeat(args.rounds, rest, || live(&creator, &watch, &config))?;
    let forks = repeat(args.rounds, rest, fork_exec)?;
    let report = summarise(&rounds, &forks, args.rounds, calls);
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print_table(&report);
    }
    Ok(())
}

fn repeat<T>(
    rounds: u32,
    rest: Duration,
    mut once: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<Vec<T>, Box<dyn Error>> {
    let mut results = Vec::new();
    for n in 0..WARM_UP + rounds {
        std::thread::sleep(rest);
        let result = once()?;
        if n >= WARM_UP {
            results.push(result);
        }
    }
    Ok(results)
}

/// Calls to Xen and its device files from request to unpause, images known.
fn count_calls(config: &GuestConfig) -> Result<u32, Box<dyn Error>> {
    let count = Arc::new(AtomicU32::new(0));
    let xen = Xen::open_monitored(Box::new(Counter(Arc::clone(&count))))?;
    let creator = Creator::new(&xen);
    drop(creator.create(config)?);
    count.store(0, Ordering::Relaxed);
    let (guest, _) = creator.create(config)?.start()?;
    let calls = count.load(Ordering::Relaxed);
    guest.destroy()?;
    Ok(calls)
}

fn live(creator: &Creator, watch: &Watch, config: &GuestConfig) -> Result<Round, Box<dyn Error>> {
    let start = Instant::now();
    let loaded = creator.create(config)?;
    let create = start.elapsed();

    let start = Instant::now();
    let (guest, stages) = loaded.start()?;
    let end = watch.wait_end(&guest, Some(Duration::from_secs(30)))?;
    let boot = start.elapsed();
    if end != Some(End::Shutdown(ShutdownReason::Poweroff)) {
        return Err(format!("the guest did not power itself off: {end:?}").into());
    }

    let start = Instant::now();
    guest.destroy()?;
    Ok(Round { create, boot, destroy: start.elapsed(), stages })
}

fn fork_exec() -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let status = Command::new("/bin/true").status()?;
    let spent = start.elapsed();
    if status.success() { Ok(spent) } else { Err("/bin/true failed".into()) }
}

fn summarise(rounds: &[Round], forks: &[Duration], count: u32, calls: u32) -> Report {
    let of = |time: fn(&Round) -> Duration| Summary::of(rounds.iter().map(time));
    let details = BTreeMap::from([
        ("create", of(|r| r.create)),
        ("boot", of(|r| r.boot)),
        ("destroy", of(|r| r.destroy)),
        ("forkexec", Summary::of(forks.iter().copied())),
    ]);
    let stage =
        |stage: Stage| (stage.name(), Summary::of(rounds.iter().map(move |r| r.stages.of(stage))));
    Report {
        direct_ms: details["create"].mean,
        boot_ms: details["boot"].mean,
        destroy_ms: details["destroy"].mean,
        forkexec_ms: details["forkexec"].mean,
        rounds: count,
        calls,
        stages: Stage::ALL.into_iter().map(stage).collect(),
        details,
    }
}

fn print_table(report: &Report) {
    let row = |name: &str, s: &Summary| {
        println!("{name:<22} {:>9.4} {:>9.4} {:>9.4} {:>9.4}", s.mean, s.min, s.median, s.max);
    };
    println!(
        "{:<22} {:>9} {:>9} {:>9} {:>9}   ms, {} rounds, {} calls a guest",
        "", "mean", "min", "median", "max", report.rounds, report.calls
    );
    for stage in Stage::ALL {
        row(stage.name(), &report.stages[stage.name()]);
    }
    for name in ["create", "boot", "destroy", "forkexec"] {
        row(name, &report.details[name]);
    }
}
