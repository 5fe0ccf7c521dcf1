//! From a configuration to a guest that is served and runs.

use std::sync::Arc;

use lightvm::config::{ControlMode, GuestConfig};
use lightvm::domain::Timings;
use lightvm::lifecycle::{self, Prepared};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::record::{GuestRecord, Stage};
use super::{Gone, Guest, GuestError, devices};
use crate::console::Sink;
use crate::daemon::{Daemon, blocking};
use crate::shard::{Arrival, Command, DeviceSpec, Line, Plug, Status};

/// Builds the guest that `config` describes, has a shard serve it and lets it run
/// unless it is to be `paused`. Its turn is the caller's: nobody knows it yet.
///
/// # Errors
/// [`GuestError`]; nothing of the guest is left then.
pub(super) async fn build(
    daemon: &Arc<Daemon>,
    config: GuestConfig,
    paused: bool,
) -> Result<(Arc<Guest>, Timings), GuestError> {
    let uuid = config.uuid().unwrap_or_else(Uuid::new_v4);
    let config = config.with_uuid(uuid);
    let mut record = GuestRecord {
        uuid,
        stage: Stage::Building,
        control: ControlMode::None,
        devices: devices::plan(&config),
    };
    daemon.lifecycle.registry().check_uuid(&daemon.xen, uuid).map_err(lifecycle_error)?;
    daemon.records.write(&record).map_err(GuestError::Record)?;
    let built = Site { daemon, uuid }.build(&config, &mut record, paused).await;
    if built.is_err() {
        daemon.records.forget(uuid);
    }
    built
}

fn lifecycle_error(e: lightvm::registry::RegistryError) -> GuestError {
    GuestError::Lifecycle(e.into())
}

/// Where a guest is being built.
struct Site<'a> {
    daemon: &'a Arc<Daemon>,
    uuid: Uuid,
}

impl Site<'_> {
    async fn build(
        &self,
        config: &GuestConfig,
        record: &mut GuestRecord,
        paused: bool,
    ) -> Result<(Arc<Guest>, Timings), GuestError> {
        let (prepared, specs) = self.prepare(config.clone(), record.clone()).await?;
        let shard = self.daemon.guests.next_shard(self.daemon.shards.len());
        let (status, latest) = watch::channel(Status::default());
        let line = Line::Plain { port: prepared.record().console.port };
        let arrival = Arrival {
            uuid: self.uuid,
            domain: prepared.record().domid,
            line,
            devices: plugs(prepared.record(), specs),
            status,
        };
        serve(self.daemon, shard, arrival).await?;
        match self.start(prepared, record, paused) {
            Ok((life, timings)) => {
                let guest = Guest::new(shard, latest, life, record.clone());
                self.daemon.guests.add(Arc::clone(&guest));
                Ok((guest, timings))
            }
            Err(e) => {
                leave(self.daemon, shard, self.uuid).await;
                Err(e)
            }
        }
    }

    /// Builds the domain and opens what its devices need.
    async fn prepare(
        &self,
        config: GuestConfig,
        record: GuestRecord,
    ) -> Result<(Prepared, Vec<(u8, DeviceSpec)>), GuestError> {
        let daemon = Arc::clone(self.daemon);
        blocking(move || {
            let specs = devices::open_all(&record.devices)?;
            Ok((daemon.lifecycle.prepare(&config)?, specs))
        })
        .await?
    }

    fn start(
        &self,
        prepared: Prepared,
        record: &mut GuestRecord,
        paused: bool,
    ) -> Result<(lifecycle::Guest, Timings), GuestError> {
        let (life, timings) = if paused { prepared.hold() } else { prepared.start()? };
        record.stage = Stage::Living;
        match self.daemon.records.write(record) {
            Ok(()) => Ok((life, timings)),
            Err(e) => {
                let _ = self.daemon.lifecycle.destroy(&life.record);
                Err(GuestError::Record(e))
            }
        }
    }
}

impl Guest {
    pub(super) fn new(
        shard: usize,
        status: watch::Receiver<Status>,
        life: lifecycle::Guest,
        record: GuestRecord,
    ) -> Arc<Guest> {
        let (record, turn) = (record.into(), Gone(false).into());
        Arc::new(Guest { uuid: life.record.uuid, shard, status, life, record, turn })
    }
}

/// What a shard is told of the guest's devices.
pub(super) fn plugs(record: &lightvm::registry::Record, specs: Vec<(u8, DeviceSpec)>) -> Vec<Plug> {
    let console = Plug {
        slot: devices::CONSOLE,
        spec: DeviceSpec::Console(Sink),
        rings: vec![record.console.frame],
    };
    let others = specs.into_iter().map(|(slot, spec)| Plug { slot, spec, rings: Vec::new() });
    std::iter::once(console).chain(others).collect()
}

/// Has a shard serve a guest.
pub(super) async fn serve(
    daemon: &Daemon,
    shard: usize,
    arrival: Arrival,
) -> Result<(), GuestError> {
    let (answer, served) = oneshot::channel();
    daemon.shards[shard].send(Command::Serve(Box::new(arrival), answer));
    Ok(served.await.map_err(|_| GuestError::Broken)??)
}

/// Has a shard serve a guest no longer.
pub(super) async fn leave(daemon: &Daemon, shard: usize, uuid: Uuid) {
    let (answer, left) = oneshot::channel();
    daemon.shards[shard].send(Command::Leave(uuid, answer));
    // No answer: the shard has ended, and serves nobody.
    let _ = left.await;
}
