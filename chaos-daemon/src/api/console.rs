//! `/v1/guests/{guest}/console`, `…/log`, `…/records`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lightvm::api::{ErrorCode, LogRecords};

use super::{Answer, ApiError};
use crate::daemon::Daemon;

/// Attaches to a console.
pub(super) async fn attach(State(_): State<Arc<Daemon>>, Path(_): Path<String>) -> ApiError {
    ApiError::new(ErrorCode::Unsupported, "consoles come soon")
}

/// What is kept of a console.
pub(super) async fn log(State(_): State<Arc<Daemon>>, Path(_): Path<String>) -> ApiError {
    ApiError::new(ErrorCode::Unsupported, "consoles come soon")
}

/// What is kept of a guest's log records.
pub(super) async fn records(
    State(_): State<Arc<Daemon>>,
    Path(_): Path<String>,
) -> Answer<Json<LogRecords>> {
    Ok(Json(LogRecords::default()))
}
