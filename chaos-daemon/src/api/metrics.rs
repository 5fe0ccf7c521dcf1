//! `/metrics`

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Answer;
use crate::daemon::Daemon;
use crate::metrics;

/// Prometheus asks for this by name.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Figures about the daemon and its guests.
pub(super) async fn show(State(daemon): State<Arc<Daemon>>) -> Answer<Response> {
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], metrics::gather(&daemon).await).into_response())
}
