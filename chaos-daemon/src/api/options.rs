//! What the configuration says about the API.

use std::time::Duration;

use serde::Deserialize;

/// `[api]` in the daemon's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Connections at a time, consoles and readers of events among them.
    pub connections: usize,
    /// Connections of one process at a time.
    pub connections_per_process: usize,
    /// Seconds after which a connection is closed on which no request comes, or no end of its
    /// head.
    pub idle_seconds: u64,
    /// Guests that `/metrics` has figures of each; those of all others are summed.
    pub metrics_guests: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connections: 1024,
            connections_per_process: 128,
            idle_seconds: 60,
            metrics_guests: 100,
        }
    }
}

impl Options {
    /// How long a connection may be idle.
    pub(super) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.max(1))
    }
}
