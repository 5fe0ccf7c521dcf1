//! `/v1/pool`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use lightvm::api::{ErrorCode, FlavourInfo, FlavourSpec, Happened, PoolInfo};

use super::body::{At, JsonBody};
use super::json::Json;
use super::{Answer, ApiError};
use crate::daemon::Daemon;
use crate::shells;

/// What there is in the pool.
pub(super) async fn show(State(daemon): State<Arc<Daemon>>) -> Json<PoolInfo> {
    Json(shells::report(&daemon.shells))
}

/// Keeps shells of a kind.
pub(super) async fn add(
    State(daemon): State<Arc<Daemon>>,
    request: JsonBody<FlavourSpec>,
) -> Answer<(StatusCode, Json<FlavourInfo>)> {
    if request.value.high == 0 {
        return Err(ApiError::new(ErrorCode::BadInput, "`high` has to be at least 1"));
    }
    let added = shells::add(&daemon, request.value).await?;
    daemon.events.tell(Happened::FlavourAdded { flavour: added.id });
    Ok((StatusCode::CREATED, Json(added)))
}

/// Keeps shells of a flavour no longer.
pub(super) async fn remove(
    State(daemon): State<Arc<Daemon>>,
    At(number): At<String>,
) -> Answer<StatusCode> {
    let none = || ApiError::new(ErrorCode::NotFound, format!("`{number}` is no flavour's number"));
    let flavour = number.parse().map_err(|_| none())?;
    shells::remove(&daemon, flavour).await?;
    daemon.events.tell(Happened::FlavourRemoved { flavour });
    Ok(StatusCode::NO_CONTENT)
}
