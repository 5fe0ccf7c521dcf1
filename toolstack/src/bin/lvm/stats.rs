//! `lvm stats`: who takes how much, over a little while.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use lightvm::registry::Entry;
use lightvm::xen::{DomId, DomainInfo};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::StatsArgs;
use crate::failure::Failure;
use crate::output;
use crate::signals::{Signals, interrupted};
use crate::target::{Target, name_of};

#[derive(Debug, Serialize)]
struct Stats {
    interval_s: f64,
    cpus: u32,
    memory: u64,
    free_memory: u64,
    domains: Vec<Usage>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Usage {
    name: Option<String>,
    uuid: Uuid,
    domid: DomId,
    state: String,
    shutdown_reason: Option<String>,
    cpu_percent: f64,
    cpu_time_ns: u64,
    vcpus: u32,
    memory: u64,
    memory_percent: f64,
}

pub(crate) fn run(app: &App, args: &StatsArgs) -> Result<(), Failure> {
    let (xen, registry) = app.open()?;
    let wanted = args
        .names
        .iter()
        .map(|name| Ok(Target::find(&xen, &registry, name)?.entry.info.uuid))
        .collect::<Result<Vec<_>, Failure>>()?;
    let (before, start) = (xen.domains()?, Instant::now());
    sleep(args.interval)?;
    let (entries, elapsed) = (registry.list(&xen)?, start.elapsed());
    let host = xen.host()?;
    let chosen = |entry: &&Entry| wanted.is_empty() || wanted.contains(&entry.info.uuid);
    let entries: Vec<_> = entries.iter().filter(chosen).collect();
    let stats = Stats {
        interval_s: elapsed.as_secs_f64(),
        cpus: host.cpus,
        memory: host.memory,
        free_memory: host.free_memory,
        domains: usages(&before, &entries, elapsed, host.memory),
    };
    if app.json { output::json(&stats) } else { output::print(&table(&stats)) }
}

fn sleep(time: Duration) -> Result<(), Failure> {
    let signals = Signals::hold()?;
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, timeout).map_err(|e| Failure::io("cannot wait")(e.into()))?;
    if signals.came() { Err(interrupted()) } else { Ok(()) }
}

/// What each domain used between two looks, the busiest first. A domain that was not
/// there at the first look used all its time since.
fn usages(
    before: &[DomainInfo],
    now: &[&Entry],
    elapsed: Duration,
    host_memory: u64,
) -> Vec<Usage> {
    let before: HashMap<_, _> = before.iter().map(|d| ((d.domid, d.uuid), d.cpu_time)).collect();
    let mut usages: Vec<_> = now
        .iter()
        .map(|entry| {
            let info = &entry.info;
            let earlier = before.get(&(info.domid, info.uuid)).copied().unwrap_or(0);
            let (state, shutdown_reason) = output::state_words(info.state);
            let used = Duration::from_nanos(info.cpu_time.saturating_sub(earlier));
            Usage {
                name: name_of(entry),
                uuid: info.uuid,
                domid: info.domid,
                state,
                shutdown_reason,
                cpu_percent: percent(used.as_secs_f64(), elapsed.as_secs_f64()),
                cpu_time_ns: info.cpu_time,
                vcpus: info.online_vcpus,
                memory: info.memory,
                memory_percent: percent(pages(info.memory), pages(host_memory)),
            }
        })
        .collect();
    usages.sort_by(|a, b| b.cpu_percent.total_cmp(&a.cpu_percent).then(a.domid.cmp(&b.domid)));
    usages
}

/// Pages as a float: 2^32 of them are the 16 TiB that Xen can have.
fn pages(bytes: u64) -> f64 {
    u32::try_from(bytes / 4096).map_or(f64::MAX, f64::from)
}

/// To a tenth.
fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole * 1000.0).round() / 10.0 } else { 0.0 }
}

fn state_text(usage: &Usage) -> String {
    match &usage.shutdown_reason {
        Some(reason) => format!("{} ({reason})", usage.state),
        None => usage.state.clone(),
    }
}

fn table(stats: &Stats) -> String {
    let rows = stats.domains.iter().map(|usage| {
        [
            usage.name.clone().unwrap_or_else(|| "-".to_owned()),
            usage.domid.to_string(),
            state_text(usage),
            format!("{:.1}", usage.cpu_percent),
            output::cpu_time(usage.cpu_time_ns),
            usage.vcpus.to_string(),
            output::size(usage.memory),
            format!("{:.1}", usage.memory_percent),
        ]
    });
    let header = ["NAME", "DOMID", "STATE", "CPU%", "CPU TIME", "VCPUS", "MEMORY", "MEM%"];
    format!(
        "{} of {} free, {} CPUs, over {:.2} s\n{}",
        output::size(stats.free_memory),
        output::size(stats.memory),
        stats.cpus,
        stats.interval_s,
        output::table(header, &[1, 3, 4, 5, 6, 7], rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(domid: u16, cpu_percent: f64) -> Usage {
        Usage {
            name: (domid > 0).then(|| format!("g{domid}")),
            uuid: Uuid::from_u128(u128::from(domid)),
            domid: DomId(domid),
            state: "ended".to_owned(),
            shutdown_reason: Some("crash".to_owned()),
            cpu_percent,
            cpu_time_ns: 1_500_000_000,
            vcpus: 1,
            memory: 4 << 20,
            memory_percent: 0.4,
        }
    }

    #[test]
    fn the_table_tells_all_of_it() {
        let stats = Stats {
            interval_s: 1.0,
            cpus: 2,
            memory: 1 << 30,
            free_memory: 1 << 29,
            domains: vec![usage(7, 12.34)],
        };
        assert_eq!(
            table(&stats),
            "512 MiB of 1024 MiB free, 2 CPUs, over 1.00 s\n\
             NAME  DOMID  STATE          CPU%  CPU TIME  VCPUS  MEMORY  MEM%\n\
             g7        7  ended (crash)  12.3   1.500 s      1   4 MiB   0.4\n"
        );
    }

    #[test]
    fn percents_are_of_one_cpu_and_to_a_tenth() {
        assert_eq!(percent(1.0, 1.0), 100.0);
        assert_eq!(percent(1.0, 3.0), 33.3);
        assert_eq!(percent(1.0, 0.0), 0.0);
        assert_eq!(percent(pages(4 << 20), pages(16 << 40)), 0.0);
    }
}
