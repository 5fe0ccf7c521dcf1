//! What went through guests' devices: of each up to a number of guests, of all others together.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use lightvm::api::{DeviceStats, Stats};
use lightvm::config::ControlMode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Labels;
use crate::daemon::Daemon;
use crate::guests::{self, Guest};

/// Guests that are asked about at a time.
const AT_A_TIME: usize = 64;

/// The label of all guests that have none of their own. No guest has this name.
const OTHERS: &str = "(others)";

type Counters = Family<Labels, Counter>;

/// A figure of a device: its name, what it is, where it is.
type Figure = (&'static str, &'static str, fn(&DeviceStats) -> u64);

const FIGURES: [Figure; 8] = [
    ("in_bytes", "Bytes received or read", |stats| stats.in_bytes),
    ("in", "Packets received or requests to read", |stats| stats.in_count),
    ("out_bytes", "Bytes sent or written", |stats| stats.out_bytes),
    ("out", "Packets sent or requests to write", |stats| stats.out_count),
    ("in_dropped", "Dropped on the way to the guest", |stats| stats.in_dropped),
    ("out_dropped", "Dropped on the way from the guest", |stats| stats.out_dropped),
    ("errors", "Requests that were wrong, or failed", |stats| stats.errors),
    ("throttled", "Waits for the device's rate", |stats| stats.throttled),
];

pub(super) async fn register(daemon: &Arc<Daemon>, registry: &mut Registry) {
    let devices = FIGURES.map(|figure| (figure, Counters::default()));
    let (console, events) = (Counters::default(), Counters::default());
    let mut guests = daemon.guests.all();
    // What the kernel serves is the kernel's to tell.
    guests.retain(|guest| guest.record.lock().control != ControlMode::XenStore);
    let single = daemon.config.api.metrics_guests;
    let look = |(number, guest): (usize, Arc<Guest>)| {
        let daemon = Arc::clone(daemon);
        async move {
            let stats = guests::look(&daemon, &guest).await.ok()?.1;
            let name = || crate::events::of(&daemon, &guest).name.to_string();
            Some(((number < single).then(name), stats))
        }
    };
    let looks = stream::iter(guests.into_iter().enumerate()).map(look);
    let mut looks = std::pin::pin!(looks.buffer_unordered(AT_A_TIME));
    while let Some(found) = looks.next().await {
        let Some((name, stats)) = found else { continue };
        for (label, of) in labelled(name.as_deref(), &stats) {
            for ((_, _, figure), family) in &devices {
                family.get_or_create(&label).inc_by(figure(of));
            }
        }
        let guest = vec![("guest", name.unwrap_or_else(|| OTHERS.to_owned()))];
        console.get_or_create(&guest).inc_by(stats.console_bytes);
        events.get_or_create(&guest).inc_by(stats.events);
    }
    for ((name, help, _), family) in devices {
        registry.register(format!("lightvm_device_{name}"), help, family);
    }
    registry.register("lightvm_console_bytes", "Bytes that guests printed", console);
    registry.register("lightvm_guest_events", "Events that came from guests", events);
}

/// A guest's devices under their labels.
fn labelled<'a>(name: Option<&str>, stats: &'a Stats) -> Vec<(Labels, &'a DeviceStats)> {
    let label = |kind: &str, index: usize| match name {
        Some(name) => vec![("guest", name.to_owned()), ("device", format!("{kind}{index}"))],
        None => vec![("guest", OTHERS.to_owned()), ("device", kind.to_owned())],
    };
    let nics = stats.nics.iter().enumerate().map(|(index, nic)| (label("nic", index), nic));
    let disks = stats.disks.iter().enumerate().map(|(index, disk)| (label("disk", index), disk));
    nics.chain(disks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_numbers_until_they_are_summed() {
        let stats = Stats {
            nics: vec![DeviceStats::default(); 2],
            disks: vec![DeviceStats::default()],
            ..Stats::default()
        };
        let devices = |name| {
            let labels = labelled(name, &stats).into_iter().map(|(labels, _)| labels[1].1.clone());
            labels.collect::<Vec<_>>()
        };
        assert_eq!(devices(Some("web")), ["nic0", "nic1", "disk0"]);
        assert_eq!(devices(None), ["nic", "nic", "disk"]);
    }
}
