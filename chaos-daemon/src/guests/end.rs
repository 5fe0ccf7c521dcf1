//! The end of a guest: asked for, or its own.

use std::sync::Arc;

use lightvm::api::{EventGuest, Happened, StopOutcome};
use lightvm::config::{Action, GuestName};
use lightvm::domain::{DomainError, End};
use lightvm::lifecycle::{action_for, kept_name};
use lightvm::registry::Record;
use lightvm::xen::ShutdownReason;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::build::{Made, build, leave};
use super::devices::unplug_all;
use super::reap::Returned;
use super::record::Stage;
use super::stop::Ending;
use super::{Gone, Guest, GuestError, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::events;
use crate::pool::guest_kib;

/// Ends a guest: what it printed is kept, all else of it is gone. Its memory is on its way back then;
/// the answer tells when it is there.
///
/// # Errors
/// [`GuestError::NotFound`] when somebody else was first, [`GuestError::Lifecycle`].
pub async fn destroy(daemon: Arc<Daemon>, guest: Arc<Guest>) -> Result<Returned, GuestError> {
    // Once begun it is carried through, whoever stops waiting for it.
    let ending = tokio::spawn(async move {
        let mut turn = guest.turn.lock().await;
        if turn.0 {
            return Err(GuestError::NotFound(guest.life.record.name.to_string()));
        }
        end_for_good(&daemon, &guest, None, &mut turn).await
    });
    ending.await.map_err(|_| GuestError::Broken)?
}

/// Ends a guest for good. The caller has its turn.
async fn end_for_good(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    reason: Option<ShutdownReason>,
    turn: &mut Gone,
) -> Result<Returned, GuestError> {
    let foreign = xenstore::is_foreign(guest.record.lock().control);
    let (of, returned) = if foreign {
        let of = events::of(daemon, guest);
        tear_down(daemon, guest, turn).await?;
        keep_key(daemon, guest);
        daemon.records.forget(guest.uuid);
        (of, Returned::already())
    } else {
        let of = let_go(daemon, guest).await?;
        turn.0 = true;
        of
    };
    daemon.events.tell(Happened::GuestGone { guest: of, reason });
    daemon.consoles.close(guest.uuid);
    daemon.logs.close(guest.uuid);
    guest.ended.send_replace(Some(Ending::gone(reason)));
    Ok(returned)
}

/// Stops a guest, takes it out of every list and leaves its domain to the reaper. A daemon that follows
/// this one finishes what was begun here. The caller has its turn. All of it takes less than another
/// thread would to begin with it.
async fn let_go(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
) -> Result<(EventGuest, Returned), GuestError> {
    let mut record = guest.record.lock().clone();
    record.stage = Stage::Ending;
    daemon.records.rewrite(&record).map_err(GuestError::Record)?;
    leave(daemon, guest.shard, guest.uuid).await;
    match guest.life.running.pause() {
        Ok(()) | Err(DomainError::Vanished { .. }) => {}
        // It runs on for a moment, unserved.
        Err(e) => warn!(name = %guest.life.record.name, "cannot be held before its end: {e}"),
    }
    let name = forget(daemon, guest).await?;
    unplug_all(&daemon.networks, guest.uuid, &record.devices).await;
    // The reaper forgets the record.
    keep_key(daemon, guest);
    let life = &guest.life.record;
    let kib = guest_kib(life.guest_type, &life.config);
    let returned = daemon.reaper.take(&daemon.shells, guest.uuid, life.domid, kib);
    daemon.guests.remove(guest.uuid);
    Ok((EventGuest { name, ..events::made(guest) }, returned))
}

/// Takes a guest out of the registry; answers the name it had last. Another thread waits for whoever
/// has to be waited for.
async fn forget(daemon: &Arc<Daemon>, guest: &Arc<Guest>) -> Result<GuestName, GuestError> {
    if daemon.lifecycle.forget_at_once(&guest.life.record)? {
        return Ok(guest.life.record.name.clone());
    }
    let (daemon, made) = (Arc::clone(daemon), guest.life.record.clone());
    blocking(move || {
        // It may have been renamed since it was made.
        let now = daemon.lifecycle.registry().record(made.uuid).unwrap_or(made);
        daemon.lifecycle.forget(&now)?;
        Ok(now.name)
    })
    .await?
}

/// Has the key it was asked for with remembered without it.
fn keep_key(daemon: &Daemon, guest: &Guest) {
    let claim = guest.record.lock().claim.clone();
    claim.iter().for_each(|claim| daemon.keys.ended(claim, guest.uuid));
}

/// Disconnects and destroys a guest, perhaps to build it again. The caller has its turn.
async fn tear_down(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    turn: &mut Gone,
) -> Result<(), GuestError> {
    leave(daemon, guest.shard, guest.uuid).await;
    let (ends, record) = (Arc::clone(daemon), guest.life.record.clone());
    let foreign = xenstore::is_foreign(guest.record.lock().control);
    blocking(move || {
        ends.lifecycle.destroy(&record)?;
        if foreign { xenstore::remove(&ends.xen, &record) } else { Ok(()) }
    })
    .await??;
    let devices = guest.record.lock().devices.clone();
    unplug_all(&daemon.networks, guest.uuid, &devices).await;
    daemon.guests.remove(guest.uuid);
    turn.0 = true;
    // Its memory is free.
    daemon.shells.look();
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
    let (action, reason) = match end {
        End::Shutdown(reason) => (action_for(config, reason), Some(reason)),
        End::Destroyed => (Action::Destroy, None),
    };
    match action {
        Action::Destroy => end_for_good(daemon, guest, reason, turn).await.map(drop),
        Action::Preserve => {
            preserve(daemon, guest, reason).await;
            Ok(())
        }
        Action::Restart | Action::RenameRestart => {
            let aside = action == Action::RenameRestart;
            let built = again(daemon, guest, reason, aside, turn).await;
            if built.is_err() {
                // It could not be brought back.
                let of = events::of(daemon, guest);
                daemon.events.tell(Happened::GuestGone { guest: of, reason });
                keep_key(daemon, guest);
                daemon.consoles.close(guest.uuid);
                guest.ended.send_replace(Some(Ending::gone(reason)));
            }
            built
        }
    }
}

/// Builds the guest again, in another domain; `aside`: its stopped domain is kept under
/// another name.
async fn again(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    reason: Option<ShutdownReason>,
    aside: bool,
    turn: &mut Gone,
) -> Result<(), GuestError> {
    // It may have been renamed since it was made.
    let now = daemon.lifecycle.registry().record(guest.uuid);
    let config = now.map_or_else(|| guest.life.record.config.clone(), |record| record.config);
    // From here on a daemon that follows this one builds it.
    let mut record = guest.record.lock().clone();
    record.stage = Stage::Rebuilding(Box::new(config.clone()));
    daemon.records.write(&record).map_err(GuestError::Record)?;
    let kept = if aside { Some(set_aside(daemon, guest, turn).await?) } else { None };
    if !aside {
        tear_down(daemon, guest, turn).await?;
    }
    let Made { guest: new, timings, .. } =
        build(daemon, config, false, record.stage, record.claim).await?;
    let domid = new.life.record.domid;
    daemon.events.tell(Happened::GuestRestarted { guest: events::of(daemon, &new), reason });
    events::watch_reports(daemon, &new);
    info!(name = %new.life.record.name, %domid, "built again");
    let (domid, outcome) = (Some(domid.0), StopOutcome::Restarted);
    let timings = Some(timings);
    guest.ended.send_replace(Some(Ending { reason, outcome, domid, kept, timings }));
    Ok(())
}

/// Keeps the stopped domain under another name and UUID, unserved; its own are free then.
async fn set_aside(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    turn: &mut Gone,
) -> Result<GuestName, GuestError> {
    leave(daemon, guest.shard, guest.uuid).await;
    let (keeper, old) = (Arc::clone(daemon), guest.life.record.clone());
    let foreign = xenstore::is_foreign(guest.record.lock().control);
    let kept = blocking(move || {
        let uuid = Uuid::new_v4();
        let name = kept_name(&old.name, uuid);
        let record = Record { name: name.clone(), uuid, ..old.clone() };
        if foreign {
            // Its UUID's are needed for its successor, its disks too.
            xenstore::remove(&keeper.xen, &old)?;
        }
        keeper.xen.set_domain_uuid(old.domid, uuid)?;
        keeper.lifecycle.registry().remove(&old);
        let added = keeper.lifecycle.registry().add(&keeper.xen, &record);
        added.map_err(lightvm::lifecycle::LifecycleError::from)?;
        Ok::<_, GuestError>(name)
    })
    .await??;
    let devices = guest.record.lock().devices.clone();
    unplug_all(&daemon.networks, guest.uuid, &devices).await;
    daemon.guests.remove(guest.uuid);
    turn.0 = true;
    Ok(kept)
}

/// Leaves the stopped domain to be looked into, unserved.
async fn preserve(daemon: &Arc<Daemon>, guest: &Arc<Guest>, reason: Option<ShutdownReason>) {
    leave(daemon, guest.shard, guest.uuid).await;
    daemon.events.tell(Happened::GuestPreserved { guest: events::of(daemon, guest), reason });
    let (domid, outcome) = (Some(guest.life.record.domid.0), StopOutcome::Preserved);
    let ending = Ending { reason, outcome, domid, kept: None, timings: None };
    guest.ended.send_replace(Some(ending));
}
