//! Asking a guest to power off, to reboot, to suspend.

use std::sync::Arc;
use std::time::Duration;

use lightvm::api::{StopAnswer, StopOutcome, StopRequest};
use lightvm::config::{ControlMode, GuestName};
use lightvm::domain::Timings;
use lightvm::xen::ShutdownReason;

use super::{Guest, GuestError, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::shard::{Command, Wish};

/// What became of a guest that ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Why it stopped, as Xen has it.
    pub(crate) reason: Option<ShutdownReason>,
    /// What became of it.
    pub(crate) outcome: StopOutcome,
    /// The domain it lives in, or is kept in.
    pub(crate) domid: Option<u16>,
    /// The name under which the stopped domain was kept beside the new one.
    pub(crate) kept: Option<GuestName>,
    /// What building it again took.
    pub(crate) timings: Option<Timings>,
}

impl Ending {
    /// It is gone.
    pub(crate) fn gone(reason: Option<ShutdownReason>) -> Ending {
        let outcome = StopOutcome::Destroyed;
        Ending { reason, outcome, domid: None, kept: None, timings: None }
    }

    /// It was asked and not waited for.
    fn asked(guest: &Guest) -> Ending {
        let domid = Some(guest.life.record.domid.0);
        Ending { reason: None, outcome: StopOutcome::Asked, domid, kept: None, timings: None }
    }

    fn answer(self, guest: &Guest) -> StopAnswer {
        let Ending { reason, outcome, domid, kept, timings } = self;
        let (name, uuid) = (guest.life.record.name.clone(), guest.uuid);
        StopAnswer { name, uuid, reason, outcome, domid, kept, timings }
    }
}

/// Asks a guest for something, or does it without asking.
///
/// # Errors
/// [`GuestError::Unsupported`] when it has no channel to be asked through, or says it
/// cannot; [`GuestError::Timeout`] when it did not end in time.
pub async fn stop(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    wish: Wish,
    request: StopRequest,
) -> Result<StopAnswer, GuestError> {
    if request.force {
        guest.life.running.shutdown(reason(wish))?;
        daemon.ends.look();
    } else {
        ask(daemon, guest, wish).await?;
    }
    let Some(ms) = request.timeout_ms else { return Ok(Ending::asked(guest).answer(guest)) };
    let mut ended = guest.ended.subscribe();
    let ending = ended.wait_for(Option::is_some);
    match tokio::time::timeout(Duration::from_millis(ms), ending).await {
        Ok(Ok(ending)) => {
            let ending = ending.clone().unwrap_or_else(|| Ending::gone(None));
            Ok(ending.answer(guest))
        }
        Ok(Err(_)) => Ok(Ending::gone(None).answer(guest)),
        Err(_) => Err(GuestError::Timeout("stopped")),
    }
}

async fn ask(daemon: &Daemon, guest: &Guest, wish: Wish) -> Result<(), GuestError> {
    let control = guest.record.lock().control;
    if xenstore::is_foreign(control) {
        let life = guest.life.record.clone();
        return blocking(move || xenstore::ask(&life, wish)).await?;
    }
    if control == ControlMode::None {
        let why = "the guest has no channel to be asked through; use --force";
        return Err(GuestError::Unsupported(why.into()));
    }
    daemon.shards[guest.shard].send(Command::Ask(guest.uuid, wish));
    Ok(())
}

fn reason(wish: Wish) -> ShutdownReason {
    match wish {
        Wish::Poweroff => ShutdownReason::Poweroff,
        Wish::Reboot => ShutdownReason::Reboot,
        Wish::Suspend => ShutdownReason::Suspend,
    }
}
