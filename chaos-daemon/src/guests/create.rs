//! Creating a guest, and waiting for what it says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lightvm::api::{Built, CreateRequest, Report, Wait};
use lightvm::domain::Timings;

use super::build::{Made, build};
use super::record::Stage;
use super::{Guest, GuestError, xenstore};
use crate::daemon::Daemon;
use crate::shard::Status;

/// The longest wait unless the request says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest that was created.
#[derive(Debug)]
pub struct Created {
    /// The guest.
    pub guest: Arc<Guest>,
    /// What each stage of building it took.
    pub timings: Timings,
    /// How it came to be.
    pub built: Built,
    /// How long it took from its first instruction to what was waited for.
    pub waited: Option<Duration>,
}

/// Creates a guest and waits for what the request says. Once begun, creation goes on even
/// if nobody waits for this any more.
///
/// # Errors
/// [`GuestError`]. After [`GuestError::Timeout`] the guest lives on; otherwise nothing
/// of it is left.
pub async fn create(daemon: Arc<Daemon>, request: CreateRequest) -> Result<Created, GuestError> {
    let CreateRequest { config, wait, timeout_ms, paused } = request;
    if wait != Wait::None && xenstore::is_foreign(config.control()) {
        let why = "a guest with control = \"xenstore\" tells the daemon nothing: wait for nothing";
        return Err(GuestError::Unsupported(why.into()));
    }
    let building = Arc::clone(&daemon);
    let built = tokio::spawn(async move {
        let built = build(&building, config, paused, Stage::Building).await;
        building.ends.look();
        built
    });
    let Made { guest, timings, how } = built.await.map_err(|_| GuestError::Broken)??;
    let patience = timeout_ms.map_or(PATIENCE, Duration::from_millis);
    let started = Instant::now();
    let waited = match wait {
        Wait::None => None,
        _ => {
            until(&guest, wait, patience).await?;
            Some(started.elapsed())
        }
    };
    Ok(Created { guest, timings, built: how, waited })
}

async fn until(guest: &Guest, wait: Wait, patience: Duration) -> Result<(), GuestError> {
    let what = match wait {
        Wait::None | Wait::Event => "alive",
        Wait::Booted => "booted",
        Wait::Ready => "ready",
    };
    let mut status = guest.status.clone();
    let reached = status.wait_for(|status| has_reached(status, wait));
    match tokio::time::timeout(patience, reached).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(GuestError::Ended(what)),
        Err(_) => Err(GuestError::Timeout(what)),
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
