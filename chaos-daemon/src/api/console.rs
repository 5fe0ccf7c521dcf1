//! `/v1/guests/{guest}/console`, `…/log`, `…/records`

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use lightvm::api::{CONSOLE_PROTOCOL, ConsoleQuery, ErrorCode, LogRecords};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tracing::debug;

use super::body::At;
use super::json::Json;
use super::peer::Peer;
use super::{Answer, ApiError};
use crate::console::{Viewer, Writer};
use crate::daemon::{Daemon, blocking};
use crate::guests::{self, Guest};
use crate::shard::Command;

/// A connection that speaks the console's protocol: none, raw bytes.
type Stream = TokioIo<Upgraded>;

/// Attaches to a console: what is kept of it comes first, then what the guest prints.
pub(super) async fn attach(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    mode: Result<Query<ConsoleQuery>, QueryRejection>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Answer<Response> {
    let guest = guests::find(&daemon, &name)?;
    if !wants_console(&request) {
        let why = format!("a console is attached to with `Upgrade: {CONSOLE_PROTOCOL}`");
        return Err(ApiError::new(ErrorCode::BadRequest, why));
    }
    let sink = daemon.consoles.sink(guest.uuid);
    let write = mode?.write != 0;
    if write {
        peer.may_write()?;
    }
    let writer = write.then(|| sink.writer()).transpose();
    let writer = writer.map_err(|e| ApiError::new(ErrorCode::Taken, e.to_string()))?;
    let shown = sink.clone();
    let viewer = blocking(move || sink.view()).await?.map_err(unreadable)?;
    guests::show(&guest, shown).await?;
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        serve(daemon, guest, upgrade, viewer, writer).await;
        drop(peer);
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, CONSOLE_PROTOCOL)
        .body(Body::empty());
    response.map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
}

fn wants_console(request: &Request) -> bool {
    let wanted = request.headers().get(header::UPGRADE);
    wanted.is_some_and(|protocol| {
        protocol.as_bytes().eq_ignore_ascii_case(CONSOLE_PROTOCOL.as_bytes())
    })
}

fn unreadable(e: std::io::Error) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("cannot read the console's log: {e}"))
}

/// Serves one viewer until it goes or the guest does.
async fn serve(
    daemon: Arc<Daemon>,
    guest: Arc<Guest>,
    upgrade: OnUpgrade,
    viewer: Viewer,
    writer: Option<Writer>,
) {
    let stream: Stream = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(e) => return debug!("a viewer went before it was there: {e}"),
    };
    let (input, output) = tokio::io::split(stream);
    tokio::select! {
        () = show(viewer, output) => {}
        () = listen(&daemon, &guest, input, writer) => {}
    }
}

/// Hands the viewer what the guest prints.
async fn show(mut viewer: Viewer, mut output: WriteHalf<Stream>) {
    while let Some(bytes) = viewer.next().await {
        if output.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = output.shutdown().await;
}

/// Hands the guest what is typed. What one types who may not write is dropped.
async fn listen(
    daemon: &Daemon,
    guest: &Guest,
    mut input: ReadHalf<Stream>,
    mut writer: Option<Writer>,
) {
    let mut buffer = [0; 1024];
    while let Ok(n @ 1..) = input.read(&mut buffer).await {
        let Some(writer) = &mut writer else { continue };
        let mut typed = &buffer[..n];
        while !typed.is_empty() {
            typed = &typed[writer.push(typed)..];
            // The guest may have been built again, on another shard.
            let shard = daemon.guests.shard_of(guest.uuid).unwrap_or(guest.shard);
            daemon.shards[shard].send(Command::Input(guest.uuid));
            if !typed.is_empty() {
                writer.room().await;
            }
        }
    }
}

/// What is kept of a console.
pub(super) async fn log(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Vec<u8>> {
    let guest = guests::find(&daemon, &name)?;
    let sink = daemon.consoles.sink(guest.uuid);
    // What `xl console` shows is not ours.
    let _ = guests::drain(&guest, sink.clone()).await;
    blocking(move || sink.log()).await?.map_err(unreadable)
}

/// What is kept of a guest's log records.
pub(super) async fn records(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<LogRecords>> {
    let guest = guests::find(&daemon, &name)?;
    let known = guest.life.record.name.as_str();
    Ok(Json(daemon.logs.book(guest.uuid, known).records()))
}
