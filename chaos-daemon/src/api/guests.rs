//! `/v1/guests`

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lightvm::api::{
    CreateAnswer, CreateRequest, DestroyQuery, ErrorCode, GuestInfo, GuestSummary, RenameRequest,
    Stats, StopRequest,
};

use serde::de::DeserializeOwned;

use super::describe::{fresh, info, summary};
use super::{Answer, ApiError};
use crate::daemon::Daemon;
use crate::guests::{self, Guest};
use crate::shard::Wish;

/// Every guest.
pub(super) async fn list(State(daemon): State<Arc<Daemon>>) -> Json<Vec<GuestSummary>> {
    Json(daemon.guests.all().iter().map(|guest| summary(&daemon, guest)).collect())
}

/// Makes one.
pub(super) async fn create(
    State(daemon): State<Arc<Daemon>>,
    request: Result<Json<CreateRequest>, JsonRejection>,
) -> Answer<(StatusCode, Json<CreateAnswer>)> {
    let created = guests::create(Arc::clone(&daemon), request?.0).await?;
    let answer = CreateAnswer {
        guest: fresh(&created.guest),
        timings: created.timings,
        built: created.built,
        wait_ms: created.waited.map(|waited| waited.as_secs_f64() * 1e3),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Everything about one.
pub(super) async fn show(
    State(daemon): State<Arc<Daemon>>,
    Path(name): Path<String>,
) -> Answer<Json<GuestInfo>> {
    let guest = guests::find(&daemon, &name)?;
    let look = guests::look(&daemon, &guest).await?;
    Ok(Json(info(&daemon, &guest, &look)))
}

/// Takes one away.
pub(super) async fn destroy(
    State(daemon): State<Arc<Daemon>>,
    Path(name): Path<String>,
    query: Result<Query<DestroyQuery>, QueryRejection>,
) -> Answer<StatusCode> {
    let guest = guests::find(&daemon, &name)?;
    let returned = guests::destroy(daemon, guest).await?;
    if query?.wait != 0 {
        returned.wait().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What went through its devices.
pub(super) async fn stats(
    State(daemon): State<Arc<Daemon>>,
    Path(name): Path<String>,
) -> Answer<Json<Stats>> {
    let guest = guests::find(&daemon, &name)?;
    let (_, stats) = guests::look(&daemon, &guest).await?;
    Ok(Json(stats))
}

/// Does or asks something.
pub(super) async fn act(
    State(daemon): State<Arc<Daemon>>,
    Path((name, verb)): Path<(String, String)>,
    body: Bytes,
) -> Answer<Response> {
    let guest = guests::find(&daemon, &name)?;
    match verb.as_str() {
        "pause" => guests::pause(&guest)?,
        "unpause" | "start" => guests::unpause(&guest)?,
        "poweroff" => return stop(&daemon, &guest, Wish::Poweroff, &body).await,
        "rename" => {
            let request: RenameRequest = read(&body)?;
            guests::rename(&daemon, &guest, request.name).await?;
        }
        "reboot" => return stop(&daemon, &guest, Wish::Reboot, &body).await,
        "suspend" => return stop(&daemon, &guest, Wish::Suspend, &body).await,
        other => {
            let message = format!("guests cannot be told to `{other}`");
            return Err(ApiError::new(ErrorCode::NotFound, message));
        }
    }
    Ok(Json(summary(&daemon, &guest)).into_response())
}

async fn stop(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    wish: Wish,
    body: &[u8],
) -> Answer<Response> {
    let request = match body {
        [] => StopRequest::default(),
        json => read(json)?,
    };
    Ok(Json(guests::stop(daemon, guest, wish, request).await?).into_response())
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Answer<T> {
    serde_json::from_slice(json).map_err(|e| ApiError::new(ErrorCode::BadRequest, e.to_string()))
}
