//! Creating a guest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lightvm::api::{Built, CreateRequest, Wait};
use lightvm::domain::Timings;

use super::build::{Made, build};
use super::record::Stage;
use super::{Guest, GuestError, wait};
use crate::daemon::Daemon;

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
    wait::check(&config, wait)?;
    let building = Arc::clone(&daemon);
    let built =
        tokio::spawn(async move { build(&building, config, paused, Stage::Building).await });
    let Made { guest, timings, how } = built.await.map_err(|_| GuestError::Broken)??;
    let patience = timeout_ms.map_or(PATIENCE, Duration::from_millis);
    let started = Instant::now();
    let waited = match wait {
        Wait::None => None,
        _ => {
            wait::until(&guest, wait, patience).await?;
            Some(started.elapsed())
        }
    };
    Ok(Created { guest, timings, built: how, waited })
}
