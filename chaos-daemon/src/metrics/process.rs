//! The daemon's own figures, under the names that Prometheus' libraries agree on.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    let cpu = Counter::<f64, AtomicU64>::default();
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from);
    cpu.inc_by(time.unwrap_or_default().as_secs_f64());
    registry.register("process_cpu_seconds", "CPU time that chaosd took", cpu);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = number(&status, "VmRSS:").saturating_mul(1024);
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let open = i64::try_from(open).unwrap_or(i64::MAX);
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory of chaosd", resident),
        ("process_threads", "Threads of chaosd", number(&status, "Threads:")),
        ("process_open_fds", "Descriptors that chaosd has open", open),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
}

/// A number of `/proc/self/status`; 0 where it is not told.
fn number(status: &str, name: &str) -> i64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}
