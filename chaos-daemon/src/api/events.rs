//! `/v1/events`

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use lightvm::api::{Event, EventsQuery};

use super::Answer;
use super::peer::Peer;
use crate::daemon::Daemon;
use crate::events::Reader;

/// The type of a stream of events: JSON, a value a line.
pub(super) const EVENTS: &str = "application/x-ndjson";

/// Tells events, a JSON object a line, until the client goes or the daemon ends.
pub(super) async fn follow(
    State(daemon): State<Arc<Daemon>>,
    Extension(peer): Extension<Peer>,
    which: Result<Query<EventsQuery>, QueryRejection>,
) -> Answer<Response> {
    let Query(EventsQuery { after, follow }) = which?;
    let reader = Reader::new(&daemon.events, after);
    let lines = stream::unfold((reader, peer), move |(mut reader, mut peer)| async move {
        loop {
            let batch = reader.read();
            if !batch.is_empty() {
                return Some((Ok::<_, Infallible>(lines(&batch)), (reader, peer)));
            }
            if follow == 0 {
                return None;
            }
            tokio::select! {
                () = reader.wait() => {}
                () = peer.ending() => return None,
            }
        }
    });
    Ok(([(CONTENT_TYPE, EVENTS)], Body::from_stream(lines)).into_response())
}

fn lines(batch: &[Event]) -> Bytes {
    let mut text = Vec::new();
    for event in batch {
        // Writing to memory cannot fail, nor is there a map without text for keys.
        let _ = serde_json::to_writer(&mut text, event);
        text.push(b'\n');
    }
    text.into()
}
