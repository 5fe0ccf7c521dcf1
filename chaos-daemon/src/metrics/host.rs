//! Guests and the pool.

use lightvm::api::FlavourInfo;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Labels;
use crate::daemon::Daemon;
use crate::shells;

pub(super) fn register(daemon: &Daemon, registry: &mut Registry) {
    let pool = shells::report(&daemon.shells);
    let count = u64::try_from(daemon.guests.count()).unwrap_or(u64::MAX);
    for (name, help, value) in [
        ("lightvm_guests", "Guests that are served", count),
        ("lightvm_pool_used_bytes", "Memory that the pool takes", pool.used),
        ("lightvm_pool_budget_bytes", "Memory that the pool may take", pool.budget),
        ("lightvm_returning_bytes", "Memory that is on its way back", pool.returning),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
    let strangers = Counter::<u64>::default();
    strangers.inc_by(pool.strangers);
    registry.register("lightvm_pool_strangers", "Requests that no flavour was for", strangers);
    gauge(registry, &pool.flavours, "ready", "Shells that wait", |f| f.ready);
    gauge(registry, &pool.flavours, "building", "Shells being built", |f| f.building);
    gauge(registry, &pool.flavours, "depth", "Shells that demand asks for", |f| f.depth);
    counter(registry, &pool.flavours, "hits", "Requests that got a shell", |f| f.hits);
    counter(registry, &pool.flavours, "misses", "Requests without a shell", |f| f.misses);
    counter(registry, &pool.flavours, "built", "Shells built", |f| f.built);
    counter(registry, &pool.flavours, "failed", "Shells that failed", |f| f.failed);
    counter(registry, &pool.flavours, "discarded", "Shells nobody used", |f| f.discarded);
}

fn gauge(
    registry: &mut Registry,
    flavours: &[FlavourInfo],
    name: &str,
    help: &str,
    of: fn(&FlavourInfo) -> u32,
) {
    let family = Family::<Labels, Gauge>::default();
    for flavour in flavours {
        family.get_or_create(&labels(flavour)).set(of(flavour).into());
    }
    registry.register(format!("lightvm_pool_{name}"), help, family);
}

fn counter(
    registry: &mut Registry,
    flavours: &[FlavourInfo],
    name: &str,
    help: &str,
    of: fn(&FlavourInfo) -> u64,
) {
    let family = Family::<Labels, Counter>::default();
    for flavour in flavours {
        family.get_or_create(&labels(flavour)).inc_by(of(flavour));
    }
    registry.register(format!("lightvm_pool_{name}"), help, family);
}

/// Flavours are as many as the policy lets there be.
fn labels(flavour: &FlavourInfo) -> Labels {
    let kernel = flavour.kernel.as_ref().and_then(|path| path.file_name());
    let image = kernel.map_or_else(|| "any".into(), |name| name.to_string_lossy());
    vec![
        ("flavour", flavour.id.to_string()),
        ("image", image.into_owned()),
        ("memory", flavour.memory.to_string()),
    ]
}
