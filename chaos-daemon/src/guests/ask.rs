//! Small things that are asked of a guest.

use std::sync::Arc;

use lightvm::api::Stats;
use lightvm::config::GuestName;
use lightvm::registry::{Record, Selector};
use tokio::sync::{MutexGuard, oneshot};

use super::{Gone, Guest, GuestError, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::shard::{Command, Status};

impl Guest {
    /// Waits for the turn at this guest.
    ///
    /// # Errors
    /// [`GuestError::NotFound`] when it went before its turn came.
    pub(super) async fn turn(&self) -> Result<MutexGuard<'_, Gone>, GuestError> {
        let turn = self.turn.lock().await;
        match *turn {
            Gone(true) => Err(GuestError::NotFound(self.life.record.name.to_string())),
            Gone(false) => Ok(turn),
        }
    }
}

/// The guest that `name` names: by name, UUID or domain number.
///
/// # Errors
/// [`GuestError::NotFound`].
pub fn find(daemon: &Daemon, name: &str) -> Result<Arc<Guest>, GuestError> {
    if !matches!(Selector::from(name), Selector::Name(_)) {
        return daemon.guests.find(name);
    }
    // Guests are renamed in the registry.
    let registry = daemon.lifecycle.registry();
    if let Ok(likely) = daemon.guests.find(name)
        && likely.life.record.name.as_str() == name
        && registry.is_named(&likely.life.record.name, likely.uuid)
    {
        return Ok(likely);
    }
    let named = |guest: &Arc<Guest>| {
        registry.record(guest.uuid).is_some_and(|record| record.name.as_str() == name)
    };
    let found = daemon.guests.all().into_iter().find(named);
    found.ok_or_else(|| GuestError::NotFound(name.to_owned()))
}

/// What a guest says and does, and what went through its devices.
///
/// # Errors
/// [`GuestError::NotFound`] when it went meanwhile.
pub async fn look(daemon: &Daemon, guest: &Guest) -> Result<(Status, Stats), GuestError> {
    let record = guest.record.lock().clone();
    if xenstore::is_foreign(record.control) {
        let life = guest.life.record.clone();
        return blocking(move || xenstore::look(&life, &record.devices)).await?;
    }
    let (answer, stats) = oneshot::channel();
    daemon.shards[guest.shard].send(Command::Stats(guest.uuid, answer));
    let gone = |_| GuestError::NotFound(guest.life.record.name.to_string());
    let stats = stats.await.map_err(gone)?;
    Ok((guest.status.borrow().clone(), stats))
}

/// Holds a guest where it is.
///
/// # Errors
/// [`GuestError::Domain`].
pub fn pause(guest: &Guest) -> Result<(), GuestError> {
    Ok(guest.life.running.pause()?)
}

/// Lets a held guest go on.
///
/// # Errors
/// [`GuestError::Domain`].
pub fn unpause(guest: &Guest) -> Result<(), GuestError> {
    guest.started.tell();
    Ok(guest.life.running.unpause()?)
}

/// Gives a guest another name, on record and where the host's other tools look for it.
///
/// # Errors
/// [`GuestError::Lifecycle`] when the name is taken, [`GuestError::NotFound`]; the guest keeps
/// its name then.
pub async fn rename(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    name: GuestName,
) -> Result<(), GuestError> {
    let _turn = guest.turn().await?;
    let (daemon, uuid) = (Arc::clone(daemon), guest.uuid);
    let foreign = xenstore::is_foreign(guest.record.lock().control);
    blocking(move || {
        let (registry, xen) = (daemon.lifecycle.registry(), &daemon.xen);
        let old = registry.record(uuid).ok_or_else(|| GuestError::NotFound(uuid.to_string()))?;
        let rename = |record: &Record, name: GuestName| {
            registry.rename(xen, record, name).map_err(lightvm::lifecycle::LifecycleError::from)
        };
        let new = rename(&old, name)?;
        let told = if foreign { xenstore::rename(&new) } else { Ok(()) };
        if told.is_err() {
            // The first error is the one to tell.
            let _ = rename(&new, old.name);
        }
        told
    })
    .await?
}
