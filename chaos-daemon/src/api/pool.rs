//! `/v1/pool`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lightvm::api::PoolInfo;

use crate::daemon::Daemon;
use crate::shells;

/// What there is in the pool.
pub(super) async fn show(State(daemon): State<Arc<Daemon>>) -> Json<PoolInfo> {
    Json(shells::report(&daemon.shells))
}
