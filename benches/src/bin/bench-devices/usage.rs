//! Who used the CPU meanwhile: the guest, and dom0's processes and kernel threads by name. What
//! is in none of them is Xen's own, or dom0's kernel in interrupts.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use lightvm::xen::{DomId, Xen};
use serde_json::{Value, json};

/// CPU time up to now.
pub(crate) struct Usage {
    at: Instant,
    guest: u64,
    dom0: u64,
    tasks: BTreeMap<String, u64>,
}

/// What is left out of a breakdown, in parts of the whole.
const SMALL: f64 = 0.005;

impl Usage {
    /// Of everybody, and of the guest.
    pub(crate) fn now(guest: u16) -> Result<Self, Box<dyn Error>> {
        let xen = Xen::open()?;
        let cpu = |domain| xen.domain_info(DomId(domain)).map(|info| info.cpu_time);
        let tasks = tasks();
        Ok(Usage { guest: cpu(guest)?, dom0: cpu(0)?, tasks, at: Instant::now() })
    }

    /// What was used since, in microseconds for each of `count` things done.
    pub(crate) fn since(&self, guest: u16, count: u32) -> Result<Value, Box<dyn Error>> {
        let wall = self.at.elapsed();
        let now = Usage::now(guest)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = |ns: u64| (ns as f64 / 1e3 / f64::from(count) * 1e3).round() / 1e3;
        let whole = each(u64::try_from(wall.as_nanos())?);
        let used = now.tasks.iter().map(|(name, ns)| {
            (name.clone(), each(ns.saturating_sub(self.tasks.get(name).copied().unwrap_or(0))))
        });
        let used: BTreeMap<_, _> = used.filter(|(_, us)| *us > whole * SMALL).collect();
        Ok(json!({
            "elapsed_us": whole,
            "guest_us": each(now.guest.saturating_sub(self.guest)),
            "dom0_us": each(now.dom0.saturating_sub(self.dom0)),
            "of_dom0_us": used,
        }))
    }
}

/// Nanoseconds on a CPU by the name of the task; instances of one kind, as `kworker/0:1` and
/// `kworker/0:2`, are one.
fn tasks() -> BTreeMap<String, u64> {
    let mut times = BTreeMap::new();
    for process in numbered(Path::new("/proc")) {
        for task in numbered(&process.join("task")) {
            if let Some((name, ns)) = task_time(&task) {
                *times.entry(name).or_default() += ns;
            }
        }
    }
    times
}

fn numbered(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_number = |name: &std::ffi::OsStr| name.to_string_lossy().parse::<u32>().is_ok();
    entries.filter(|entry| is_number(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// A task that has ended meanwhile has no time.
fn task_time(task: &Path) -> Option<(String, u64)> {
    let name = fs::read_to_string(task.join("comm")).ok()?;
    let times = fs::read_to_string(task.join("schedstat")).ok()?;
    let on_cpu = times.split_whitespace().next()?.parse().ok()?;
    Some((kind(name.trim_end()), on_cpu))
}

fn kind(name: &str) -> String {
    match name.split_once('/') {
        Some(("kworker", _)) => "kworker".to_owned(),
        _ => name.to_owned(),
    }
}
