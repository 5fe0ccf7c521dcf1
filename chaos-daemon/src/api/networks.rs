//! `/v1/networks`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use lightvm::api::{NetworkInfo, NetworkSpec};

use super::{Answer, ApiError};
use crate::daemon::Daemon;
use crate::network::NetworkError;

impl From<NetworkError> for ApiError {
    fn from(e: NetworkError) -> ApiError {
        ApiError::new(e.code(), e.to_string())
    }
}

/// Every network.
pub(super) async fn list(State(daemon): State<Arc<Daemon>>) -> Json<Vec<NetworkInfo>> {
    Json(daemon.networks.list().await)
}

/// Makes one.
pub(super) async fn create(
    State(daemon): State<Arc<Daemon>>,
    spec: Result<Json<NetworkSpec>, JsonRejection>,
) -> Answer<(StatusCode, Json<NetworkInfo>)> {
    let Json(spec) = spec?;
    let made = daemon.networks.create(spec).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Takes one away.
pub(super) async fn delete(
    State(daemon): State<Arc<Daemon>>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    daemon.networks.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
