//! `/v1/networks`

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use lightvm::api::{ErrorCode, NetworkInfo, NetworkSpec};

use super::{Answer, ApiError};
use crate::daemon::Daemon;

/// Every network.
pub(super) async fn list(State(_): State<Arc<Daemon>>) -> Json<Vec<NetworkInfo>> {
    Json(Vec::new())
}

/// Makes one.
pub(super) async fn create(
    State(_): State<Arc<Daemon>>,
    spec: Result<Json<NetworkSpec>, JsonRejection>,
) -> Answer<(StatusCode, Json<NetworkInfo>)> {
    let _ = spec?;
    Err(ApiError::new(ErrorCode::Unsupported, "networks come soon"))
}

/// Takes one away.
pub(super) async fn delete(
    State(_): State<Arc<Daemon>>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    Err(ApiError::new(ErrorCode::NotFound, format!("there is no network `{name}`")))
}
