//! Figures for Prometheus.
//!
//! What happens to creations is booked as it happens; all else is asked for when somebody wants to
//! know. `docs/metrics.md` lists the names.

mod devices;
mod host;
mod process;

use std::sync::Arc;
use std::time::Duration;

use lightvm::api::Built;
use lightvm::domain::Stage;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::daemon::Daemon;
use crate::guests::Created;

/// Labels of a figure.
type Labels = Vec<(&'static str, String)>;

/// What has been booked since the daemon's start.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Labels, Histogram>,
    stages: Family<Labels, Histogram>,
    failed: Counter,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let (requests, stages) = (by_time(), by_time());
        Metrics { requests, stages, failed: Counter::default() }
    }
}

/// From 10 µs to 5 s and a bit.
fn by_time() -> Family<Labels, Histogram> {
    Family::new_with_constructor(|| Histogram::new(exponential_buckets(1e-5, 2.0, 20)))
}

impl Metrics {
    /// Books a creation that was asked for: how long it took, and what came of it.
    pub fn created(&self, took: Duration, created: Option<&Created>) {
        let Some(created) = created else {
            self.failed.inc();
            return;
        };
        if created.repeated {
            return;
        }
        let labels = vec![("built", built(created.built).to_owned())];
        let waited = created.waited.unwrap_or_default();
        self.requests.get_or_create(&labels).observe(took.saturating_sub(waited).as_secs_f64());
        for stage in Stage::ALL {
            let time = created.timings.of(stage);
            if !time.is_zero() {
                let labels = vec![("stage", stage.name().to_owned())];
                self.stages.get_or_create(&labels).observe(time.as_secs_f64());
            }
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "lightvm_create_seconds",
            "Creations by how the guest came to be: from the request until it ran",
            self.requests.clone(),
        );
        registry.register(
            "lightvm_create_stage_seconds",
            "Stages of creations; of one from the pool, those after its shell",
            self.stages.clone(),
        );
        registry.register(
            "lightvm_create_failures",
            "Creations that failed, or whose wait ended without what was waited for",
            self.failed.clone(),
        );
    }
}

fn built(how: Built) -> &'static str {
    match how {
        Built::Directly => "directly",
        Built::Blank => "blank",
        Built::Loaded => "loaded",
    }
}

/// All figures, as text in the OpenMetrics format.
pub async fn gather(daemon: &Arc<Daemon>) -> String {
    let mut registry = Registry::default();
    daemon.metrics.register(&mut registry);
    host::register(daemon, &mut registry);
    process::register(&mut registry);
    devices::register(daemon, &mut registry).await;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.created(Duration::from_millis(3), None);
        let labels = vec![("stage", "memory".to_owned())];
        metrics.stages.get_or_create(&labels).observe(0.000_03);
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        process::register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "lightvm_create_failures_total 1",
            "lightvm_create_stage_seconds_count{stage=\"memory\"} 1",
            "# TYPE process_open_fds gauge",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
