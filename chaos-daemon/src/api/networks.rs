//! `/v1/networks`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use lightvm::api::{Happened, NetworkInfo, NetworkSpec};

use super::body::{At, JsonBody};
use super::json::Json;
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
    JsonBody { value: spec, .. }: JsonBody<NetworkSpec>,
) -> Answer<(StatusCode, Json<NetworkInfo>)> {
    let made = daemon.networks.create(spec).await?;
    daemon.events.tell(Happened::NetworkCreated { network: made.spec.name.clone() });
    Ok((StatusCode::CREATED, Json(made)))
}

/// Takes one away.
pub(super) async fn delete(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<StatusCode> {
    daemon.networks.delete(&name).await?;
    daemon.events.tell(Happened::NetworkDeleted { network: name });
    Ok(StatusCode::NO_CONTENT)
}
