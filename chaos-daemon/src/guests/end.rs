//! The end of a guest: asked for, or its own.

use std::sync::Arc;

use lightvm::config::Action;
use lightvm::domain::{DomainError, End};
use lightvm::lifecycle::action_for;
use lightvm::xen::ShutdownReason;
use tracing::{error, info};

use super::build::{build, leave};
use super::devices::unplug_all;
use super::{Gone, Guest, GuestError};
use crate::daemon::{Daemon, blocking};

/// Destroys a guest: what it printed is kept, all else of it is gone.
///
/// # Errors
/// [`GuestError::NotFound`] when somebody else was first, [`GuestError::Lifecycle`].
pub async fn destroy(daemon: Arc<Daemon>, guest: Arc<Guest>) -> Result<(), GuestError> {
    // Once begun it is carried through, whoever stops waiting for it.
    let ending = tokio::spawn(async move {
        let mut turn = guest.turn.lock().await;
        if turn.0 {
            return Err(GuestError::NotFound(guest.life.record.name.to_string()));
        }
        end_for_good(&daemon, &guest, &mut turn).await
    });
    ending.await.map_err(|_| GuestError::Broken)?
}

/// Ends a guest for good. The caller has its turn.
async fn end_for_good(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    turn: &mut Gone,
) -> Result<(), GuestError> {
    tear_down(daemon, guest, turn).await?;
    daemon.consoles.close(guest.uuid);
    Ok(())
}

/// Disconnects and destroys a guest, perhaps to build it again. The caller has its turn.
async fn tear_down(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    turn: &mut Gone,
) -> Result<(), GuestError> {
    leave(daemon, guest.shard, guest.uuid).await;
    let (ends, record) = (Arc::clone(daemon), guest.life.record.clone());
    blocking(move || ends.lifecycle.destroy(&record)).await??;
    let devices = guest.record.lock().devices.clone();
    unplug_all(&daemon.networks, guest.uuid, &devices).await;
    daemon.records.forget(guest.uuid);
    daemon.guests.remove(guest.uuid);
    turn.0 = true;
    Ok(())
}

/// Does what the guest's configuration says about the way it ended, if it has.
pub(super) async fn settle(daemon: Arc<Daemon>, guest: Arc<Guest>) {
    let mut turn = guest.turn.lock().await;
    if turn.0 {
        return;
    }
    let name = &guest.life.record.name;
    match ending(&guest) {
        Ok(None) => {}
        Ok(Some(end)) => {
            info!(%name, ?end, "the guest has ended");
            if let Err(e) = act(&daemon, &guest, end, &mut turn).await {
                error!(%name, "after the guest's end: {e}");
            }
        }
        Err(e) => error!(%name, "cannot ask how the guest is: {e}"),
    }
}

/// How the guest ended, if it has.
fn ending(guest: &Guest) -> Result<Option<End>, DomainError> {
    guest.life.running.end()
}

async fn act(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    end: End,
    turn: &mut Gone,
) -> Result<(), GuestError> {
    let config = &guest.life.record.config;
    let action = match end {
        End::Shutdown(reason) => action_for(config, reason),
        End::Destroyed => Action::Destroy,
    };
    match action {
        Action::Destroy => end_for_good(daemon, guest, turn).await,
        Action::Restart => again(daemon, guest, turn).await,
        Action::Preserve => preserve(daemon, guest, turn).await,
        Action::RenameRestart => again(daemon, guest, turn).await,
    }
}

/// Builds the guest again, in another domain.
async fn again(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    turn: &mut Gone,
) -> Result<(), GuestError> {
    let config = guest.life.record.config.clone();
    tear_down(daemon, guest, turn).await?;
    let (guest, _) = build(daemon, config, false).await?;
    info!(name = %guest.life.record.name, domid = %guest.life.record.domid, "built again");
    Ok(())
}

/// Leaves the stopped domain to be looked into, unserved.
async fn preserve(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    _turn: &mut Gone,
) -> Result<(), GuestError> {
    leave(daemon, guest.shard, guest.uuid).await;
    Ok(())
}

/// Ends a guest's run without asking it; what its configuration says is done.
///
/// # Errors
/// [`GuestError::Domain`].
pub(super) fn force(guest: &Guest, reason: ShutdownReason) -> Result<(), GuestError> {
    Ok(guest.life.running.shutdown(reason)?)
}
