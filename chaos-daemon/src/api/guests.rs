//! `/v1/guests`

use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use futures_util::stream::{self, StreamExt as _};
use lightvm::api::{
    BatchAnswer, BatchRequest, BatchResult, CreateAnswer, CreateRequest, DestroyQuery, ErrorCode,
    GuestInfo, GuestSummary, Happened, MAX_BATCH, RenameRequest, Stats, StopAnswer, StopRequest,
};
use lightvm::domain::DomainError;
use nix::errno::Errno;

use super::body::{self, At, JsonBody, MaybeJson};
use super::describe::{fresh, info, summary};
use super::json::Json;
use super::{Answer, ApiError};
use crate::daemon::Daemon;
use crate::events;
use crate::guests::{self, GuestError, KeyClaim};
use crate::shard::Wish;

/// Every guest.
pub(super) async fn list(State(daemon): State<Arc<Daemon>>) -> Json<Vec<GuestSummary>> {
    Json(daemon.guests.all().iter().map(|guest| summary(&daemon, guest)).collect())
}

/// Makes one.
pub(super) async fn create(
    State(daemon): State<Arc<Daemon>>,
    headers: HeaderMap,
    request: JsonBody<CreateRequest>,
) -> Answer<(StatusCode, Json<CreateAnswer>)> {
    let claim = body::claim(&headers, request.digest)?;
    Ok((StatusCode::CREATED, Json(make(&daemon, request.value, claim).await?)))
}

async fn make(
    daemon: &Arc<Daemon>,
    request: CreateRequest,
    claim: Option<KeyClaim>,
) -> Answer<CreateAnswer> {
    let began = Instant::now();
    let created = guests::create(Arc::clone(daemon), request, claim).await;
    daemon.metrics.created(began.elapsed(), created.as_ref().ok());
    let created = created?;
    Ok(CreateAnswer {
        guest: if created.repeated {
            summary(daemon, &created.guest)
        } else {
            fresh(&created.guest)
        },
        timings: created.timings,
        built: created.built,
        repeated: created.repeated,
        wait_ms: created.waited.map(|waited| waited.as_secs_f64() * 1e3),
    })
}

/// Guests of a batch that are made at a time.
const AT_A_TIME: usize = 8;

/// Makes many.
pub(super) async fn create_many(
    State(daemon): State<Arc<Daemon>>,
    headers: HeaderMap,
    request: JsonBody<BatchRequest>,
) -> Answer<Json<BatchAnswer>> {
    let guests = request.value.guests;
    if guests.len() > MAX_BATCH {
        let why = format!("a batch has {MAX_BATCH} guests at most; this one has {}", guests.len());
        return Err(ApiError::new(ErrorCode::BadInput, why));
    }
    let claim = body::claim(&headers, request.digest)?;
    let part =
        |index| claim.as_ref().map(|claim| body::part(claim, index, &guests[index])).transpose();
    let claims = (0..guests.len()).map(part).collect::<Answer<Vec<_>>>()?;
    let one = |(request, claim)| {
        let daemon = Arc::clone(&daemon);
        async move {
            match make(&daemon, request, claim).await {
                Ok(created) => BatchResult::Created(Box::new(created)),
                Err(e) => BatchResult::Error(e.into_body()),
            }
        }
    };
    let results = stream::iter(guests.into_iter().zip(claims)).map(one).buffered(AT_A_TIME);
    Ok(Json(BatchAnswer { results: results.collect().await }))
}

/// Everything about one.
pub(super) async fn show(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<GuestInfo>> {
    let guest = guests::find(&daemon, &name)?;
    let look = guests::look(&daemon, &guest).await?;
    Ok(Json(info(&daemon, &guest, &look)))
}

/// Takes one away.
pub(super) async fn destroy(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    query: Result<Query<DestroyQuery>, QueryRejection>,
) -> Answer<StatusCode> {
    let Query(DestroyQuery { wait }) = query?;
    let guest = guests::find(&daemon, &name)?;
    let returned = guests::destroy(daemon, guest).await?;
    if wait != 0 {
        returned.wait().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What went through its devices.
pub(super) async fn stats(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<Stats>> {
    let guest = guests::find(&daemon, &name)?;
    let (_, stats) = guests::look(&daemon, &guest).await?;
    Ok(Json(stats))
}

/// Holds one where it is.
pub(super) async fn pause(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<GuestSummary>> {
    let guest = guests::find(&daemon, &name)?;
    guests::pause(&guest).map_err(about_holds)?;
    daemon.events.tell(Happened::GuestPaused { guest: events::of(&daemon, &guest) });
    Ok(Json(summary(&daemon, &guest)))
}

/// Lets one go on.
pub(super) async fn unpause(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<GuestSummary>> {
    let guest = guests::find(&daemon, &name)?;
    guests::unpause(&guest).map_err(about_holds)?;
    daemon.events.tell(Happened::GuestUnpaused { guest: events::of(&daemon, &guest) });
    Ok(Json(summary(&daemon, &guest)))
}

/// Holds count, as Xen does it: there is a most of them, and none cannot be taken back.
fn about_holds(e: GuestError) -> ApiError {
    let errno = match &e {
        GuestError::Domain(DomainError::Xen(e)) => e.errno(),
        _ => None,
    };
    match errno {
        Some(Errno::EINVAL) => ApiError::new(ErrorCode::Conflict, "the guest is not paused"),
        Some(Errno::EUSERS) => {
            ApiError::new(ErrorCode::Conflict, "the guest was paused as often as Xen counts")
        }
        _ => e.into(),
    }
}

/// Gives one another name.
pub(super) async fn rename(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    request: JsonBody<RenameRequest>,
) -> Answer<Json<GuestSummary>> {
    let guest = guests::find(&daemon, &name)?;
    guests::rename(&daemon, &guest, request.value.name).await?;
    daemon.events.tell(Happened::GuestRenamed { guest: events::of(&daemon, &guest) });
    Ok(Json(summary(&daemon, &guest)))
}

/// Asks one to power off.
pub(super) async fn poweroff(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    MaybeJson(how): MaybeJson<StopRequest>,
) -> Answer<Json<StopAnswer>> {
    stop(&daemon, &name, Wish::Poweroff, how).await
}

/// Asks one to start again.
pub(super) async fn reboot(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    MaybeJson(how): MaybeJson<StopRequest>,
) -> Answer<Json<StopAnswer>> {
    stop(&daemon, &name, Wish::Reboot, how).await
}

/// Asks one to suspend itself.
pub(super) async fn suspend(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    MaybeJson(how): MaybeJson<StopRequest>,
) -> Answer<Json<StopAnswer>> {
    stop(&daemon, &name, Wish::Suspend, how).await
}

async fn stop(
    daemon: &Arc<Daemon>,
    name: &str,
    wish: Wish,
    how: StopRequest,
) -> Answer<Json<StopAnswer>> {
    let guest = guests::find(daemon, name)?;
    Ok(Json(guests::stop(daemon, &guest, wish, how).await?))
}
