//! The control API: HTTP/1.1 and JSON on a unix socket.

use std::os::unix::fs::{PermissionsExt, chown};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use nix::unistd::Group;
use tokio::net::UnixListener;

use crate::config::DaemonConfig;
use crate::daemon::{Daemon, StartError};

/// Opens the API's socket: for root, and for the configured group.
///
/// # Errors
/// [`StartError::File`], [`StartError::NoGroup`].
pub fn listen(config: &DaemonConfig) -> Result<UnixListener, StartError> {
    let path = &config.socket;
    // Nobody else's: whoever holds the daemon's lock is alone.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(StartError::file("listen on", path))?;
    let mode = match &config.group {
        Some(name) => {
            let group = Group::from_name(name).ok().flatten();
            let group = group.ok_or_else(|| StartError::NoGroup(name.clone()))?;
            chown(path, None, Some(group.gid.as_raw()))
                .map_err(StartError::file("give away", path))?;
            0o660
        }
        None => 0o600,
    };
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode))
        .map_err(StartError::file("protect", path))?;
    Ok(listener)
}

/// Answers requests for ever.
pub async fn serve(listener: UnixListener, daemon: Arc<Daemon>) {
    if let Err(e) = axum::serve(listener, router(daemon)).await {
        tracing::error!("the API has ended: {e}");
    }
}

fn router(daemon: Arc<Daemon>) -> Router {
    Router::new().route("/v1/host", get(host)).with_state(daemon)
}

async fn host(State(daemon): State<Arc<Daemon>>) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "xen": daemon.xen.version().to_string() }))
}
