//! Connections: accepted within limits, served each on its own, ended politely.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lightvm::api::ErrorCode;
use parking_lot::Mutex;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::peer::{Access, Credentials, Peer};
use super::places::{Full, Places};
use super::{ApiError, Options};

/// The most bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

/// How long requests that are being carried out may take when the daemon ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long to wait when no connection can be accepted, as without a free descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` at a socket.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    access: Arc<Mutex<Access>>,
    options: Options,
    ending: watch::Sender<bool>,
}

/// What all connections share.
#[derive(Clone)]
struct Shared {
    router: Router,
    ending: watch::Receiver<bool>,
    idle: Duration,
    /// Nothing is ever sent: it tells that the last connection has ended.
    _open: mpsc::Sender<()>,
}

impl Server {
    /// A server at `listener`, of which those may ask whom `access` lets.
    #[must_use]
    pub fn new(listener: UnixListener, access: Arc<Mutex<Access>>, options: Options) -> Server {
        Server { listener, access, options, ending: watch::Sender::new(false) }
    }

    /// Answers requests until `end`; what is being carried out then may take three seconds.
    pub async fn serve(self, router: Router, end: impl Future<Output = ()>) {
        let (_open, mut closed) = mpsc::channel(1);
        let idle = self.options.idle();
        let shared = Shared { router, ending: self.ending.subscribe(), idle, _open };
        tokio::select! {
            () = self.accept(&shared) => {}
            () = end => {}
        }
        drop(self.listener);
        drop(shared);
        self.ending.send_replace(true);
        if timeout(FAREWELL, closed.recv()).await.is_err() {
            warn!("requests were still being carried out after {FAREWELL:?}");
        }
    }

    async fn accept(&self, shared: &Shared) {
        let places = Places::new(&self.options);
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => self.admit(stream, &places, shared),
                Err(e) => {
                    warn!("cannot accept a connection: {e}");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Has a connection served, where there is a place for it.
    fn admit(&self, stream: UnixStream, places: &Arc<Places>, shared: &Shared) {
        let who = match Credentials::of(&stream) {
            Ok(who) => who,
            Err(e) => return debug!("a client went before it was there: {e}"),
        };
        match places.take(who.pid) {
            Ok(place) => {
                let right = self.access.lock().right(&who);
                let peer = Peer::new(right, who.uid, place, shared.ending.clone());
                tokio::spawn(serve(stream, peer, shared.clone()));
            }
            Err(full) => refuse(&stream, full),
        }
    }
}

/// Says that there is no place, as far as that can be said without waiting.
fn refuse(stream: &UnixStream, full: Full) {
    let why = match full {
        Full::All => "the daemon has as many connections as it takes",
        Full::Process => "this process has as many connections to the daemon as it may have",
    };
    let body = ApiError::new(ErrorCode::Busy, why).into_json();
    let text = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    debug!(?full, "no place for a connection");
    let _ = stream.try_write(text.as_bytes());
}

/// Serves one connection until it ends, or the daemon does.
async fn serve(stream: UnixStream, peer: Peer, shared: Shared) {
    let Shared { router, mut ending, idle, _open } = shared;
    let service = service_fn(move |request| answer(router.clone(), peer.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = ends(&mut ending) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        debug!("a connection ended: {e}");
    }
}

/// Waits for the daemon's end.
pub(super) async fn ends(ending: &mut watch::Receiver<bool>) {
    // Without a sender it has ended.
    let _ = ending.wait_for(|end| *end).await;
}

async fn answer(
    router: Router,
    peer: Peer,
    mut request: Request<Incoming>,
) -> Result<Response, std::convert::Infallible> {
    if let Err(no) = peer.may(request.method()) {
        return Ok(no.into_response());
    }
    request.extensions_mut().insert(peer);
    router.oneshot(request.map(Body::new)).await
}

#[cfg(test)]
mod tests;
