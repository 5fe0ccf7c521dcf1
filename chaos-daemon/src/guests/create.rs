//! Creating a guest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lightvm::api::{Built, CreateRequest, Happened, Wait};
use lightvm::config::GuestConfig;
use lightvm::domain::Timings;

use super::build::{Made, build};
use super::finish::finish;
use super::keys::{Begun, KeyClaim, Outcome, Pending};
use super::record::Stage;
use super::{Guest, GuestError, wait};
use crate::daemon::Daemon;
use crate::events;

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
    /// Whether an earlier request with the same key made it.
    pub repeated: bool,
}

/// Creates a guest and waits for what the request says. Once begun, creation goes on even
/// if nobody waits for this any more. What comes again with a `claim` of the same key waits
/// for the guest that was made.
///
/// # Errors
/// [`GuestError`]. After [`GuestError::Timeout`] the guest lives on; otherwise nothing
/// of it is left.
pub async fn create(
    daemon: Arc<Daemon>,
    request: CreateRequest,
    claim: Option<KeyClaim>,
) -> Result<Created, GuestError> {
    let CreateRequest { config, wait, timeout_ms, paused } = request;
    wait::check(&config, wait)?;
    let (made, repeated) = match claim {
        None => (make(&daemon, config, paused, None).await?, false),
        Some(claim) => match begin(&daemon, claim).await? {
            Turn::First(pending) => (make(&daemon, config, paused, Some(pending)).await?, false),
            Turn::Again(made) => (made, true),
        },
    };
    let Made { guest, timings, how } = made;
    let patience = timeout_ms.map_or(PATIENCE, Duration::from_millis);
    let started = Instant::now();
    let waited = match wait {
        Wait::None => None,
        _ => {
            wait::until(&guest, wait, patience).await?;
            Some(started.elapsed())
        }
    };
    Ok(Created { guest, timings, built: how, waited, repeated })
}

/// Builds the guest, to the end whoever waits for it.
async fn make(
    daemon: &Arc<Daemon>,
    config: GuestConfig,
    paused: bool,
    pending: Option<Pending>,
) -> Result<Made, GuestError> {
    let claim = pending.as_ref().and_then(Pending::claim);
    if let Some(built) = finish(daemon, &config, paused, claim.as_ref()) {
        tell(daemon, pending, &built);
        return built;
    }
    let building = Arc::clone(daemon);
    let built = tokio::spawn(async move {
        let built = build(&building, config, paused, Stage::Building, claim).await;
        tell(&building, pending, &built);
        built
    });
    built.await.map_err(|_| GuestError::Broken)?
}

/// Tells whoever waits for the same request, and everybody, what came of it.
fn tell(daemon: &Arc<Daemon>, pending: Option<Pending>, built: &Result<Made, GuestError>) {
    let Ok(Made { guest, timings, how }) = built else { return };
    if let Some(pending) = pending {
        pending.done(Outcome { uuid: guest.uuid, built: *how, timings: *timings });
    }
    daemon.events.tell(Happened::GuestCreated { guest: events::made(guest), built: *how });
    events::watch_reports(daemon, guest);
}

/// Whose turn it is to carry out a request with a key.
enum Turn {
    First(Pending),
    Again(Made),
}

async fn begin(daemon: &Daemon, claim: KeyClaim) -> Result<Turn, GuestError> {
    loop {
        match daemon.keys.begin(claim.clone()) {
            Begun::New(pending) => return Ok(Turn::First(pending)),
            // The same request is on its way. An error is its end.
            Begun::Busy(mut over) => drop(over.changed().await),
            Begun::Other => return Err(GuestError::KeyUsed(claim.key)),
            Begun::Done(Outcome { uuid, built, timings }) => {
                let guest = daemon.guests.find(&uuid.to_string());
                let guest = guest.map_err(|_| GuestError::KeyPast { key: claim.key, uuid })?;
                return Ok(Turn::Again(Made { guest, timings, how: built }));
            }
        }
    }
}
