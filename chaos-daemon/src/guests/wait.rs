//! Waiting for what a guest says, or for what its devices show.

use std::time::Duration;

use lightvm::api::{Report, Wait};
use lightvm::config::GuestConfig;
use tokio::time::{sleep, timeout};

use super::{Guest, GuestError, xenstore};
use crate::daemon::blocking;
use crate::shard::Status;

/// How often the devices of a guest that others serve are looked at: at first, and in the end.
/// A look is several requests to xenstored.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// Whether the guest that `config` describes can be waited for so.
///
/// # Errors
/// [`GuestError::Unsupported`]: the host's kernel serves it, and nothing would tell.
pub(super) fn check(config: &GuestConfig, wait: Wait) -> Result<(), GuestError> {
    if !xenstore::is_foreign(config.control()) {
        return Ok(());
    }
    let devices = config.nics().len() + config.disks().len();
    let why = match wait {
        Wait::Event => "no event of a guest with control = \"xenstore\" reaches the daemon",
        Wait::Booted | Wait::Ready if devices == 0 => {
            "only its devices tell of a guest with control = \"xenstore\", and it has none"
        }
        Wait::None | Wait::Booted | Wait::Ready => return Ok(()),
    };
    Err(GuestError::Unsupported(format!("{why}: leave out what to wait for")))
}

/// Waits until a guest is as far as `wait` says.
///
/// # Errors
/// [`GuestError::Ended`], [`GuestError::Timeout`] after `patience`; what a look at a guest in
/// the host's store may say.
pub(super) async fn until(guest: &Guest, wait: Wait, patience: Duration) -> Result<(), GuestError> {
    let what = match wait {
        Wait::None | Wait::Event => "alive",
        Wait::Booted => "booted",
        Wait::Ready => "ready",
    };
    let foreign = xenstore::is_foreign(guest.record.lock().control);
    let reached = async {
        match foreign {
            true => until_connected(guest, wait, what).await,
            false => until_said(guest, wait, what).await,
        }
    };
    timeout(patience, reached).await.unwrap_or(Err(GuestError::Timeout(what)))
}

async fn until_said(guest: &Guest, wait: Wait, what: &'static str) -> Result<(), GuestError> {
    let mut status = guest.status.clone();
    let reached = status.wait_for(|status| has_reached(status, wait)).await;
    reached.map(drop).map_err(|_| GuestError::Ended(what))
}

/// Waits for the kernel's back ends of a guest, the first or all of them.
async fn until_connected(guest: &Guest, wait: Wait, what: &'static str) -> Result<(), GuestError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let (life, devices) = (guest.life.record.clone(), guest.record.lock().devices.clone());
        let all = devices.iter().fold(0, |bits: u32, device| bits | 1 << device.slot);
        let (status, _) = blocking(move || xenstore::look(&life, &devices)).await??;
        let wanted =
            if wait == Wait::Ready { status.connected == all } else { status.connected != 0 };
        if wanted {
            return Ok(());
        }
        if guest.turn.lock().await.0 || guest.life.running.end()?.is_some() {
            return Err(GuestError::Ended(what));
        }
        sleep(pause).await;
        pause = LAST_PAUSE.min(pause * 5 / 4);
    }
}

fn has_reached(status: &Status, wait: Wait) -> bool {
    match wait {
        Wait::None => true,
        Wait::Event => status.alive,
        Wait::Booted => matches!(status.report, Report::Booted | Report::Ready),
        Wait::Ready => status.report == Report::Ready,
    }
}
