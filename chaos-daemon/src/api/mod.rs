//! The control API: HTTP/1.1 and JSON on a unix socket. `docs/api.md` lists the requests.

mod body;
mod console;
mod describe;
mod devices;
mod error;
mod events;
mod guests;
mod host;
mod metrics;
mod networks;
mod options;
mod peer;
mod places;
mod pool;
mod server;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};

use crate::daemon::Daemon;
pub use error::ApiError;
pub use options::Options;
pub use peer::{Access, Right};
pub use server::Server;
pub use socket::{listen, share};

/// What every handler answers.
type Answer<T> = Result<T, ApiError>;

/// What is answered to which request.
pub fn router(daemon: Arc<Daemon>) -> Router {
    Router::new()
        .route("/v1/host", get(host::host))
        .route("/v1/guests", get(guests::list).post(guests::create))
        .route("/v1/guests:batch", post(guests::create_many))
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
        .route("/v1/events", get(events::follow))
        .route("/v1/pool", get(pool::show))
        .route("/metrics", get(metrics::show))
        .route("/v1/pool/flavours", post(pool::add))
        .route("/v1/pool/flavours/{number}", delete(pool::remove))
        .route("/v1/networks", get(networks::list).post(networks::create))
        .route("/v1/networks/{name}", delete(networks::delete))
        .method_not_allowed_fallback(error::no_such_method)
        .fallback(error::no_such_path)
        .layer(DefaultBodyLimit::max(body::MAX_BODY))
        .with_state(daemon)
}
