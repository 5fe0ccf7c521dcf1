//! Asking a guest to power off, to reboot, to suspend.

use std::sync::Arc;
use std::time::Duration;

use lightvm::api::StopRequest;
use lightvm::config::ControlMode;
use lightvm::xen::ShutdownReason;

use super::end::force;
use super::{Guest, GuestError};
use crate::daemon::Daemon;
use crate::shard::{Command, Wish};

/// Asks a guest for something, or does it without asking.
///
/// # Errors
/// [`GuestError::Unsupported`] when it has no channel to be asked through,
/// [`GuestError::Timeout`] when it did not end in time.
pub async fn stop(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    wish: Wish,
    request: StopRequest,
) -> Result<(), GuestError> {
    if request.force {
        force(guest, reason(wish))?;
        daemon.ends.look();
    } else if guest.record.lock().control == ControlMode::None {
        return Err(GuestError::Unsupported(
            "the guest has no channel to be asked through; use --force".into(),
        ));
    } else {
        daemon.shards[guest.shard].send(Command::Ask(guest.uuid, wish));
    }
    match request.timeout_ms {
        Some(ms) => end_of(guest, Duration::from_millis(ms)).await,
        None => Ok(()),
    }
}

fn reason(wish: Wish) -> ShutdownReason {
    match wish {
        Wish::Poweroff => ShutdownReason::Poweroff,
        Wish::Reboot => ShutdownReason::Reboot,
        Wish::Suspend => ShutdownReason::Suspend,
    }
}

/// Waits until the guest is no longer served: its end has been dealt with.
async fn end_of(guest: &Guest, patience: Duration) -> Result<(), GuestError> {
    let mut status = guest.status.clone();
    let ended = async move { while status.changed().await.is_ok() {} };
    tokio::time::timeout(patience, ended).await.map_err(|_| GuestError::Timeout("stopped"))
}
