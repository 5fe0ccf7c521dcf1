//! `/v1/host`

use std::sync::Arc;

use axum::extract::State;
use lightvm::api::{HostInfo, HostMemory};
use lightvm::config::ControlMode;

use super::json::Json;
use crate::daemon::Daemon;

/// The daemon and its host.
pub(super) async fn host(State(daemon): State<Arc<Daemon>>) -> Json<HostInfo> {
    let mut controls = vec![ControlMode::Noxs, ControlMode::Facade, ControlMode::None];
    if cfg!(feature = "xenstore") {
        controls.push(ControlMode::XenStore);
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Json(HostInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        xen: daemon.xen.version().to_string(),
        guests: count(daemon.guests.count()),
        shards: count(daemon.shards.len()),
        controls,
        default_network: None,
        block_io: String::new(),
        memory: memory(&daemon),
    })
}

/// Zeros where Xen does not say.
fn memory(daemon: &Daemon) -> HostMemory {
    let Ok(host) = daemon.xen.host() else { return HostMemory::default() };
    let (total, free) = (host.memory, host.free_memory);
    HostMemory { total, free, available: daemon.shells.available(free) }
}
