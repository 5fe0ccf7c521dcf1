//! Taking up what an earlier daemon left.

use std::sync::Arc;

use lightvm::api::Happened;
use lightvm::lifecycle;
use tokio::sync::watch;
use tracing::{info, warn};

use super::build::{build, serve};
use super::line::Place;
use super::record::{GuestRecord, Stage};
use super::{Guest, GuestError, devices, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::events;
use crate::shard::{Arrival, Started, Status};

/// Takes up every guest that lives and tears down what was being built.
///
/// # Errors
/// [`GuestError::Record`] when the records cannot be read.
pub async fn adopt_all(daemon: &Arc<Daemon>) -> Result<(), GuestError> {
    let records = daemon.records.all().map_err(GuestError::Record)?;
    let adoptions = records.into_iter().map(|record| {
        let daemon = Arc::clone(daemon);
        tokio::spawn(async move {
            let uuid = record.uuid;
            if let Err(e) = take_up(&daemon, record).await {
                warn!(%uuid, "cannot take the guest up again: {e}");
            }
        })
    });
    for adoption in adoptions.collect::<Vec<_>>() {
        let _ = adoption.await;
    }
    Ok(())
}

async fn take_up(daemon: &Arc<Daemon>, record: GuestRecord) -> Result<(), GuestError> {
    match record.stage {
        Stage::Building => tear_down(daemon, record).await,
        Stage::Ending => {
            if let Some(claim) = &record.claim {
                daemon.keys.remember(claim, record.uuid);
                daemon.keys.ended(claim, record.uuid);
            }
            tear_down(daemon, record).await
        }
        Stage::Rebuilding(ref config) => {
            let (config, stage) = ((**config).clone(), record.stage.clone());
            let (uuid, claim) = (record.uuid, record.claim.clone());
            claim.iter().for_each(|claim| daemon.keys.remember(claim, uuid));
            tear_down(daemon, record).await?;
            match build(daemon, config, false, stage, claim.clone()).await {
                Ok(made) => {
                    let guest = events::of(daemon, &made.guest);
                    daemon.events.tell(Happened::GuestRestarted { guest, reason: None });
                    events::watch_reports(daemon, &made.guest);
                    Ok(())
                }
                Err(e) => {
                    claim.iter().for_each(|claim| daemon.keys.ended(claim, uuid));
                    Err(e)
                }
            }
        }
        Stage::Living => adopt(daemon, record).await,
    }
}

/// Destroys a domain that never was a guest.
async fn tear_down(daemon: &Arc<Daemon>, record: GuestRecord) -> Result<(), GuestError> {
    let reaper = Arc::clone(daemon);
    blocking(move || {
        let GuestRecord { uuid, control, .. } = record;
        if let Some(entry) = reaper.lifecycle.registry().record(uuid) {
            reaper.lifecycle.destroy(&entry)?;
        }
        reaper.lifecycle.registry().clear(uuid);
        for domain in reaper.xen.domains()?.iter().filter(|domain| domain.uuid == uuid) {
            reaper.xen.destroy_domain(domain.domid)?;
        }
        if xenstore::is_foreign(control) {
            xenstore::sweep(&reaper.xen, uuid)?;
        }
        reaper.records.forget(uuid);
        info!(%uuid, "tore down what was a guest to be, or no more");
        Ok::<_, GuestError>(())
    })
    .await?
}

/// Forgets a guest whose domain is gone.
async fn bury(daemon: &Arc<Daemon>, record: &GuestRecord) -> Result<(), GuestError> {
    let uuid = record.uuid;
    if xenstore::is_foreign(record.control) {
        let xen = Arc::clone(&daemon.xen);
        blocking(move || xenstore::sweep(&xen, uuid)).await??;
    }
    record.claim.iter().for_each(|claim| daemon.keys.ended(claim, uuid));
    daemon.records.forget(uuid);
    Ok(())
}

/// Serves a guest again. One that is gone is forgotten.
async fn adopt(daemon: &Arc<Daemon>, record: GuestRecord) -> Result<(), GuestError> {
    let uuid = record.uuid;
    let foreign = xenstore::is_foreign(record.control);
    record.claim.iter().for_each(|claim| daemon.keys.remember(claim, uuid));
    let Some(entry) = daemon.lifecycle.registry().record(uuid) else {
        return bury(daemon, &record).await;
    };
    let life = match lifecycle::Guest::adopt(&daemon.xen, entry.clone()) {
        Ok(life) => life,
        Err(lightvm::domain::DomainError::Vanished { .. }) => {
            daemon.lifecycle.registry().remove(&entry);
            return bury(daemon, &record).await;
        }
        Err(e) => return Err(e.into()),
    };
    if foreign {
        let (_, latest) = watch::channel(Status::default());
        info!(name = %entry.name, domid = %entry.domid, "took the guest up again");
        add(daemon, Guest::new(0, latest, Started::already(), life, record));
        return Ok(());
    }
    devices::replug_all(&daemon.networks, &record).await?;
    let (site, of, life_of) = (Arc::clone(daemon), record.clone(), entry.clone());
    let (line, devices) = blocking(move || {
        let reopen = |disk: &_| site.disks.reopen(disk);
        let (console, specs) = (site.consoles.sink(uuid), devices::open_all(&of.devices, reopen)?);
        let plugs = devices::plugs(&life_of, &of, console, specs);
        let (xen, records) = (&site.xen, &site.records);
        let place =
            Place { xen, life: &life_of, plugs: &plugs, records, running: true, page: None };
        Ok::<_, GuestError>((place.line(of.control)?, plugs))
    })
    .await??;
    let shard = daemon.guests.next_shard(daemon.shards.len());
    let (status, latest) = watch::channel(Status::default());
    let book = daemon.logs.book(uuid, entry.name.as_str());
    let domain = entry.domid;
    let left = daemon.records.left(uuid, domain).map_err(GuestError::Record)?;
    let started = Started::already();
    let arrival = Arrival {
        uuid,
        domain,
        line,
        wire: None,
        devices,
        left,
        started: started.clone(),
        book,
        status,
    };
    serve(daemon, shard, arrival).await?;
    info!(name = %entry.name, domid = %entry.domid, "took the guest up again");
    add(daemon, Guest::new(shard, latest, started, life, record));
    Ok(())
}

fn add(daemon: &Arc<Daemon>, guest: Arc<Guest>) {
    daemon.events.tell(Happened::GuestAdopted { guest: events::of(daemon, &guest) });
    events::watch_reports(daemon, &guest);
    daemon.guests.add(guest);
}
