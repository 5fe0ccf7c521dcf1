//! What the service manager is told: ready, reloading, alive, ending.
//!
//! The protocol is systemd's `sd_notify(3)`: datagrams to the socket that `NOTIFY_SOCKET` names.
//! Without that variable nothing is told and nothing is awaited.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use super::Daemon;
use crate::shard::Command;

/// The API answers; `status` is what `systemctl status` shows.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is read again; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(e) => debug!("no time for the service manager: {e}"),
    }
}

/// The daemon ends because it was told to.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells for ever, twice in the time the service manager waits, that every shard works. A shard that
/// does not answer keeps this silent, so that the service manager starts the daemon anew.
pub(super) async fn keep_alive(daemon: &Daemon) {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|t| !t.is_zero()) else {
        return std::future::pending().await;
    };
    let mut beats = interval((patience / 2).max(Duration::from_millis(1)));
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        match silent_shard(daemon).await {
            None => tell(&[NotifyState::Watchdog]),
            Some(number) => warn!("shard {number} has ended: no sign of life is given"),
        }
    }
}

/// The first shard that has ended. Waits for one that does not answer.
async fn silent_shard(daemon: &Daemon) -> Option<usize> {
    for (number, shard) in daemon.shards.iter().enumerate() {
        let (answer, answered) = oneshot::channel();
        shard.send(Command::Ping(answer));
        if answered.await.is_err() {
            return Some(number);
        }
    }
    None
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        warn!("cannot tell the service manager: {e}");
    }
}
