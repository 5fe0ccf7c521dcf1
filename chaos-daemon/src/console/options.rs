//! What an administrator says about consoles.

use serde::Deserialize;

/// The part `[console]` of the daemon's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Bytes of a guest's log. A log takes up to twice as much: when it is full it
    /// becomes the old log, and a new one is begun.
    pub log_bytes: u64,
    /// Bytes a guest may print in a second, on average.
    pub rate: u64,
    /// Bytes it may print at once.
    pub burst: u64,
    /// Guests that are gone whose logs are kept, the last ones to go.
    pub keep: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { log_bytes: 1 << 20, rate: 256 << 10, burst: 256 << 10, keep: 256 }
    }
}
