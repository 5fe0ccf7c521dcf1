//! SIGHUP: the configuration file read again.

use std::sync::Arc;

use tracing::{info, warn};

use super::{Daemon, StartError};
use crate::api;
use crate::config::{ConfigError, DaemonConfig};
use crate::shells;

/// Reads the configuration as it was read at the start: the same file, the same command line.
pub type Load = Box<dyn Fn() -> Result<DaemonConfig, ConfigError>>;

/// What was said last, and how to ask again.
pub(super) struct Reloader {
    load: Load,
    now: DaemonConfig,
}

impl Reloader {
    pub(super) fn new(load: Load, now: DaemonConfig) -> Self {
        Reloader { load, now }
    }

    /// Reads the configuration and goes on with it. One that has a mistake changes nothing.
    pub(super) async fn reload(&mut self, daemon: &Arc<Daemon>) {
        let new = match (self.load)() {
            Ok(new) => new,
            Err(e) => return warn!("the configuration is as before: {e}"),
        };
        let names = fixed(&self.now, &new);
        if !names.is_empty() {
            warn!("from the daemon's next start on: {}", names.join(", "));
        }
        let changed = self.take(daemon, new).await;
        info!(changed = changed.join(", "), "configuration read again");
    }

    /// Goes on with what can be changed while the daemon runs; answers what differs.
    async fn take(&mut self, daemon: &Arc<Daemon>, new: DaemonConfig) -> Vec<&'static str> {
        let mut changed = Vec::new();
        if (&new.group, &new.readers) != (&self.now.group, &self.now.readers) {
            match share(daemon, &new) {
                Ok(()) => changed.push("group, readers"),
                Err(e) => warn!("the socket is as before: {e}"),
            }
        }
        if new.console != self.now.console {
            daemon.consoles.configure(&new.console);
            changed.push("console");
        }
        if new.log != self.now.log {
            daemon.logs.configure(&new.log);
            changed.push("log");
        }
        if new.pool != self.now.pool {
            shells::configure(daemon, self.now.pool.clone(), new.pool.clone()).await;
            changed.push("pool");
        }
        self.now = new;
        changed
    }
}

/// Gives the daemon's socket, wherever it is by now said to be, to the groups of `new`. Who has a
/// connection keeps it.
fn share(daemon: &Daemon, new: &DaemonConfig) -> Result<(), StartError> {
    *daemon.access.lock() = api::share(&daemon.config.socket, new)?;
    Ok(())
}

/// Keys in which two configurations differ that a running daemon cannot change.
fn fixed(now: &DaemonConfig, new: &DaemonConfig) -> Vec<&'static str> {
    [
        ("socket", now.socket != new.socket),
        ("state", now.state != new.state),
        ("networks", now.networks != new.networks),
        ("logs", now.logs != new.logs),
        ("shards", now.shards != new.shards),
        ("api", now.api != new.api),
        ("pool.enabled", now.pool.enabled != new.pool.enabled),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_new_start_is_named() {
        let now = DaemonConfig::default();
        assert!(fixed(&now, &now).is_empty());
        let text = "shards = 7\nstate = '/elsewhere'\n[console]\nrate = 5\n\
            [pool]\nbuilds = 2\nenabled = false\n";
        let new: DaemonConfig = toml::from_str(text).unwrap();
        assert_eq!(fixed(&now, &new), ["state", "shards", "pool.enabled"]);
    }
}
