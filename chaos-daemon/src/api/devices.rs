//! `/v1/guests/{guest}/nics` and `…/disks`

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use lightvm::api::{DiskInfo, ErrorCode, Happened, NicInfo, RemoveQuery};
use lightvm::config::{Disk, Nic};

use super::body::{At, JsonBody};
use super::json::Json;
use super::{Answer, ApiError, describe};
use crate::daemon::Daemon;
use crate::events;
use crate::guests::{self, Kind};

type Removal = Result<Query<RemoveQuery>, QueryRejection>;

/// A guest's network interfaces.
pub(super) async fn nics(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<Vec<NicInfo>>> {
    let guest = guests::find(&daemon, &name)?;
    let (status, stats) = guests::look(&daemon, &guest).await?;
    Ok(Json(describe::nics(&guest, &status, &stats)))
}

/// A guest's disks.
pub(super) async fn disks(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
) -> Answer<Json<Vec<DiskInfo>>> {
    let guest = guests::find(&daemon, &name)?;
    let (status, stats) = guests::look(&daemon, &guest).await?;
    Ok(Json(describe::disks(&guest, &status, &stats)))
}

/// Gives a guest a network interface.
pub(super) async fn attach_nic(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    JsonBody { value: nic, .. }: JsonBody<Nic>,
) -> Answer<(StatusCode, Json<NicInfo>)> {
    let guest = guests::find(&daemon, &name)?;
    let index = guests::attach_nic(&daemon, &guest, nic).await?;
    let of = events::of(&daemon, &guest);
    daemon.events.tell(Happened::NicAttached { guest: of, index });
    let (status, stats) = guests::look(&daemon, &guest).await?;
    let nics = describe::nics(&guest, &status, &stats);
    let info = nics.into_iter().find(|nic| nic.index == index).ok_or_else(gone)?;
    Ok((StatusCode::CREATED, Json(info)))
}

/// Gives a guest a disk.
pub(super) async fn attach_disk(
    State(daemon): State<Arc<Daemon>>,
    At(name): At<String>,
    JsonBody { value: disk, .. }: JsonBody<Disk>,
) -> Answer<(StatusCode, Json<DiskInfo>)> {
    let guest = guests::find(&daemon, &name)?;
    let index = guests::attach_disk(&daemon, &guest, disk).await?;
    let of = events::of(&daemon, &guest);
    daemon.events.tell(Happened::DiskAttached { guest: of, index });
    let (status, stats) = guests::look(&daemon, &guest).await?;
    let disks = describe::disks(&guest, &status, &stats);
    let info = disks.into_iter().find(|disk| disk.index == index).ok_or_else(gone)?;
    Ok((StatusCode::CREATED, Json(info)))
}

/// Somebody else was faster.
fn gone() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "the device was taken away at once")
}

/// Takes a network interface away.
pub(super) async fn detach_nic(
    State(daemon): State<Arc<Daemon>>,
    At((name, index)): At<(String, u8)>,
    query: Removal,
) -> Answer<StatusCode> {
    detach(&daemon, &name, Kind::Nic, index, query).await
}

/// Takes a disk away.
pub(super) async fn detach_disk(
    State(daemon): State<Arc<Daemon>>,
    At((name, index)): At<(String, u8)>,
    query: Removal,
) -> Answer<StatusCode> {
    detach(&daemon, &name, Kind::Disk, index, query).await
}

async fn detach(
    daemon: &Arc<Daemon>,
    name: &str,
    kind: Kind,
    index: u8,
    query: Removal,
) -> Answer<StatusCode> {
    let force = query?.force != 0;
    let guest = guests::find(daemon, name)?;
    guests::detach(daemon, &guest, kind, index, force).await?;
    let guest = events::of(daemon, &guest);
    daemon.events.tell(match kind {
        Kind::Nic => Happened::NicDetached { guest, index },
        Kind::Disk => Happened::DiskDetached { guest, index },
    });
    Ok(StatusCode::NO_CONTENT)
}
