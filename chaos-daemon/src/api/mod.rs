//! The control API: HTTP/1.1 and JSON on a unix socket. `docs/api.md` lists the requests.

mod console;
mod describe;
mod devices;
mod error;
mod guests;
mod host;
mod networks;
mod pool;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};
use tokio::net::UnixListener;

use crate::daemon::Daemon;
pub use error::ApiError;
pub use socket::{listen, share};

/// What every handler answers.
type Answer<T> = Result<T, ApiError>;

/// Answers requests for ever.
pub async fn serve(listener: UnixListener, daemon: Arc<Daemon>) {
    if let Err(e) = axum::serve(listener, router(daemon)).await {
        tracing::error!("the API has ended: {e}");
    }
}

fn router(daemon: Arc<Daemon>) -> Router {
    Router::new()
        .route("/v1/host", get(host::host))
        .route("/v1/guests", get(guests::list).post(guests::create))
        .route("/v1/guests/{guest}", get(guests::show).delete(guests::destroy))
        .route("/v1/guests/{guest}/{verb}", post(guests::act))
        .route("/v1/guests/{guest}/stats", get(guests::stats))
        .route("/v1/guests/{guest}/console", get(console::attach))
        .route("/v1/guests/{guest}/log", get(console::log))
        .route("/v1/guests/{guest}/records", get(console::records))
        .route("/v1/guests/{guest}/nics", get(devices::nics).post(devices::attach_nic))
        .route("/v1/guests/{guest}/nics/{index}", delete(devices::detach_nic))
        .route("/v1/guests/{guest}/disks", get(devices::disks).post(devices::attach_disk))
        .route("/v1/guests/{guest}/disks/{index}", delete(devices::detach_disk))
        .route("/v1/pool", get(pool::show))
        .route("/v1/networks", get(networks::list).post(networks::create))
        .route("/v1/networks/{name}", delete(networks::delete))
        .fallback(error::no_such_path)
        .with_state(daemon)
}
