//! From a configuration to a guest that is served and runs.

use std::sync::Arc;

use lightvm::api::Built;
use lightvm::build::{ChannelSpec, Control};
use lightvm::config::{ControlMode, GuestConfig};
use lightvm::create::Creator;
use lightvm::domain::Timings;
use lightvm::lifecycle::{self, LifecycleError, Prepared};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::keys::Claim;
use super::line::{Place, built_as};
use super::record::{GuestRecord, Stage};
use super::{Gone, Guest, GuestError, devices, disks, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::shard::{Arrival, Command, Line, Plug, Started, Status};
use crate::shells::{self, Ticket};

/// A guest that was built.
pub(super) struct Made {
    pub(super) guest: Arc<Guest>,
    /// What each stage of building it took.
    pub(super) timings: Timings,
    /// How it came to be.
    pub(super) how: Built,
}

/// Builds the guest that `config` describes, of a shell if there is one, has a shard serve it
/// and lets it run unless it is to be `paused`. The `claim` is written down with it. Its turn is the caller's: nobody knows it yet.
///
/// # Errors
/// [`GuestError`]; nothing of the guest is left then.
pub(super) async fn build(
    daemon: &Arc<Daemon>,
    config: GuestConfig,
    paused: bool,
    stage: Stage,
    claim: Option<Claim>,
) -> Result<Made, GuestError> {
    let (site, of) = (Arc::clone(daemon), config.clone());
    let (control, ticket) = blocking(move || decide(&site, &of)).await??;
    let (how, shell) = (ticket.built(), ticket.uuid());
    let uuid = config.uuid().or(shell).unwrap_or_else(Uuid::new_v4);
    let config = config.with_uuid(uuid);
    let devices = match xenstore::is_foreign(control) {
        true => xenstore::plan(uuid, &config)?,
        false => devices::plan(&daemon.networks, uuid, &config).await?,
    };
    let mut record = GuestRecord { uuid, stage, control, devices, claim };
    let built = match daemon.records.write(&record) {
        Ok(()) => Site { daemon, uuid }.build(&config, &mut record, ticket, paused).await,
        Err(e) => Err(GuestError::Record(e)),
    };
    if built.is_err() {
        devices::unplug_all(&daemon.networks, uuid, &record.devices).await;
        daemon.records.forget(uuid);
        daemon.consoles.close(uuid);
        daemon.logs.close(uuid);
    }
    // Until here the shell was written down under its own.
    shell.into_iter().filter(|&own| own != uuid).for_each(|own| daemon.records.forget(own));
    match built {
        Ok((guest, timings)) => {
            crate::events::watch_reports(daemon, &guest);
            Ok(Made { guest, timings, how })
        }
        Err(e) => Err(disks::name_holder(daemon, e)),
    }
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
        ticket: Ticket,
        paused: bool,
    ) -> Result<(Arc<Guest>, Timings), GuestError> {
        let (prepared, line, devices) =
            self.prepare(config.clone(), record.clone(), ticket).await?;
        let shard = self.daemon.guests.next_shard(self.daemon.shards.len());
        let (status, latest) = watch::channel(Status::default());
        let (uuid, domain) = (self.uuid, prepared.record().domid);
        let book = self.daemon.logs.book(uuid, prepared.record().name.as_str());
        let (left, started) = (Vec::new(), Started::default());
        let starting = started.clone();
        let arrival = Arrival { uuid, domain, line, devices, left, started, book, status };
        let (foreign, known) = (xenstore::is_foreign(record.control), prepared.record().clone());
        if !foreign {
            serve(self.daemon, shard, arrival).await?;
        }
        match self.start(prepared, record, (!paused).then_some(&starting)) {
            Ok((life, timings)) => {
                let guest = Guest::new(shard, latest, starting, life, record.clone());
                self.daemon.guests.add(Arc::clone(&guest));
                Ok((guest, timings))
            }
            Err(e) => {
                leave(self.daemon, shard, self.uuid).await;
                if foreign {
                    let xen = Arc::clone(&self.daemon.xen);
                    let _ = blocking(move || xenstore::remove(&xen, &known)).await;
                }
                Err(e)
            }
        }
    }

    /// Builds the domain, opens what its devices need, and shows them to the guest.
    async fn prepare(
        &self,
        config: GuestConfig,
        record: GuestRecord,
        mut ticket: Ticket,
    ) -> Result<(Prepared, Line, Vec<Plug>), GuestError> {
        let daemon = Arc::clone(self.daemon);
        blocking(move || {
            let foreign = xenstore::is_foreign(record.control);
            let ours = if foreign { &[][..] } else { &record.devices[..] };
            let specs = devices::open_all(ours, |disk| disks::open(&daemon, disk))?;
            let prepared = match ticket.loaded(&config) {
                Some(loaded) => {
                    let loaded = loaded.map_err(LifecycleError::from)?;
                    daemon.lifecycle.finish(loaded, &config)?
                }
                None => {
                    let spec = ChannelSpec::for_guest(built_as(record.control), &config);
                    daemon.lifecycle.prepare_with(&config, &spec)?
                }
            };
            let life = prepared.record();
            let plugs = devices::plugs(life, &record, daemon.consoles.sink(life.uuid), specs);
            let (xen, journal) = (&daemon.xen, &daemon.records.journal(life.uuid));
            let place = Place { xen, life, plugs: &plugs, journal, running: false };
            let line = place.line(record.control)?;
            if foreign {
                xenstore::add(&daemon.xen, prepared.record())?;
            }
            Ok((prepared, line, plugs))
        })
        .await?
    }

    fn start(
        &self,
        prepared: Prepared,
        record: &mut GuestRecord,
        starting: Option<&Started>,
    ) -> Result<(lifecycle::Guest, Timings), GuestError> {
        starting.into_iter().for_each(Started::tell);
        let (life, timings) = match starting {
            Some(_) => prepared.start()?,
            None => prepared.hold(),
        };
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
        started: Started,
        life: lifecycle::Guest,
        record: GuestRecord,
    ) -> Arc<Guest> {
        let (record, turn) = (record.into(), Gone(false).into());
        let (ended, copied) = (watch::Sender::new(None), false.into());
        let uuid = life.record.uuid;
        Arc::new(Guest { uuid, shard, status, started, life, record, ended, copied, turn })
    }
}

/// Decides how the guest that `config` describes and its host talk, and what it is built of.
/// Blocks on Xen and on files.
fn decide(daemon: &Arc<Daemon>, config: &GuestConfig) -> Result<(ControlMode, Ticket), GuestError> {
    let registry = daemon.lifecycle.registry();
    // First of all: what follows would touch the other guest of this UUID.
    if let Some(uuid) = config.uuid() {
        registry.check_uuid(&daemon.xen, uuid).map_err(LifecycleError::from)?;
    }
    // No shell is spent on a name that is taken.
    if let Some(name) = config.name() {
        registry.check_name(&daemon.xen, name).map_err(LifecycleError::from)?;
    }
    let control = built_control(daemon.lifecycle.creator(), config)?;
    if xenstore::is_foreign(control) {
        xenstore::check()?;
    }
    Ok((control, shells::ask(daemon, config, control)))
}

/// How the guest that `config` describes and its host talk; never [`ControlMode::Auto`].
///
/// # Errors
/// [`GuestError::Lifecycle`] when its kernel has to be asked and cannot be read.
pub(crate) fn built_control(
    creator: &Creator,
    config: &GuestConfig,
) -> Result<ControlMode, GuestError> {
    match config.control() {
        ControlMode::Auto => match creator.control(config).map_err(LifecycleError::from)? {
            Control::Noxs => Ok(ControlMode::Noxs),
            _ => Ok(ControlMode::Facade),
        },
        said => Ok(said),
    }
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
