//! Small things that are asked of a guest.

use std::sync::Arc;

use lightvm::api::Stats;
use lightvm::registry::Selector;
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
    let named = |guest: &Arc<Guest>| {
        registry.record(guest.uuid).is_some_and(|record| record.name.as_str() == name)
    };
    let likely = daemon.guests.find(name).ok().filter(named);
    let found = likely.or_else(|| daemon.guests.all().into_iter().find(named));
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
