//! The control API: HTTP/1.1 and JSON on a unix socket. `docs/api.md` lists the requests.

mod body;
mod console;
mod describe;
mod devices;
mod error;
mod events;
mod guests;
mod host;
mod json;
mod metrics;
mod networks;
mod openapi;
mod operation;
mod options;
mod peer;
mod places;
mod pool;
mod routes;
mod server;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;

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
    routes::router()
        .method_not_allowed_fallback(error::no_such_method)
        .fallback(error::no_such_path)
        .layer(DefaultBodyLimit::max(body::MAX_BODY))
        .with_state(daemon)
}
