//! From a configuration to a guest that is served and runs.

use std::sync::Arc;

use lightvm::api::Built;
use lightvm::build::ChannelSpec;
use lightvm::config::GuestConfig;
use lightvm::create::Inspection;
use lightvm::domain::Timings;
use lightvm::lifecycle::{self, LifecycleError, Prepared, Vacant};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::keys::KeyClaim;
use super::line::{Place, built_as};
use super::record::{GuestRecord, OpenRecord, Stage};
use super::{Gone, Guest, GuestError, devices, disks, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::shard::{Arrival, Command, Started, Status};
use crate::shells::{self, Fittings, Ready, Ticket};

/// A guest that was built.
pub(super) struct Made {
    pub(super) guest: Arc<Guest>,
    /// What each stage of building it took.
    pub(super) timings: Timings,
    /// How it came to be.
    pub(super) how: Built,
}

/// Builds the guest that `config` describes, of a shell if there is one, has a shard serve it
/// and lets it run unless it is to be `paused`. The `claim` is written down with it. Its turn is the
/// caller's: nobody knows it yet.
///
/// # Errors
/// [`GuestError`]; nothing of the guest is left then.
pub(super) async fn build(
    daemon: &Arc<Daemon>,
    config: GuestConfig,
    paused: bool,
    stage: Stage,
    claim: Option<KeyClaim>,
) -> Result<Made, GuestError> {
    // All of it on one thread: every change of thread is a part of what a finish takes.
    let (daemon, runtime) = (Arc::clone(daemon), Handle::current());
    blocking(move || runtime.block_on(build_here(&daemon, config, paused, stage, claim))).await?
}

/// As [`build`]. Blocks on Xen and on files.
async fn build_here(
    daemon: &Arc<Daemon>,
    config: GuestConfig,
    paused: bool,
    stage: Stage,
    claim: Option<KeyClaim>,
) -> Result<Made, GuestError> {
    if let Some(uuid) = config.uuid() {
        daemon.reaper.wait_for(uuid).await;
    }
    let _held = config.uuid().map(|uuid| daemon.guests.claim(uuid)).transpose()?;
    let (vacant, images) = look(daemon, &config)?;
    let control = images.control;
    // Held until the guest runs: the pool builds nothing meanwhile.
    let mut ticket = shells::ask(daemon, &config, &images);
    let (how, shell) = (ticket.built(), ticket.uuid());
    let uuid = config.uuid().or(shell).unwrap_or_else(Uuid::new_v4);
    let config = config.with_uuid(uuid);
    let devices = match xenstore::is_foreign(control) {
        true => xenstore::plan(uuid, &config)?,
        false => devices::plan(&daemon.networks, uuid, &config).await?,
    };
    // A shell is written down as what is being built; it gets its claim as it comes to life.
    let is_written = stage == Stage::Building && shell == Some(uuid);
    let mut record = GuestRecord { uuid, stage, control, devices, claim };
    let written = if is_written { Ok(()) } else { daemon.records.write(&record) };
    let built = match written {
        Ok(()) => {
            let site = Site { daemon, uuid };
            site.build(&config, &mut record, (&mut ticket, vacant), paused).await
        }
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
        Ok((guest, timings)) => Ok(Made { guest, timings, how }),
        Err(e) => Err(disks::name_holder(daemon, e)),
    }
}

/// Where a guest is being built.
pub(super) struct Site<'a> {
    pub(super) daemon: &'a Arc<Daemon>,
    pub(super) uuid: Uuid,
}

/// A guest that is built and has not started.
pub(super) struct Arranged {
    prepared: Prepared,
    /// Which shard is to serve it.
    pub(super) shard: usize,
    status: watch::Receiver<Status>,
    started: Started,
    /// The file of its record, open.
    open: Option<OpenRecord>,
    /// Looks for ended guests before it ran.
    looks: u64,
}

impl Site<'_> {
    async fn build(
        &self,
        config: &GuestConfig,
        record: &mut GuestRecord,
        of: (&mut Ticket, Vacant),
        paused: bool,
    ) -> Result<(Arc<Guest>, Timings), GuestError> {
        let (ticket, vacant) = of;
        let (arranged, arrival) = self.arrange(config, record, ticket, Some(vacant))?;
        let (shard, foreign) = (arranged.shard, xenstore::is_foreign(record.control));
        // Wanted only where taking it back needs it.
        let known = foreign.then(|| arranged.prepared.record().clone());
        if !foreign {
            self.hand_over(shard, arrival).await?;
        }
        let begun = self.begin(arranged, record, paused);
        if begun.is_err() {
            leave(self.daemon, shard, self.uuid).await;
            if let Some(known) = known {
                let _ = xenstore::remove(&self.daemon.xen, &known);
            }
        }
        begun
    }

    async fn hand_over(&self, shard: usize, arrival: Arrival) -> Result<(), GuestError> {
        match arrival.wire {
            Some(_) => self.leave_at_door(shard, arrival),
            None => serve(self.daemon, shard, arrival).await,
        }
    }

    /// Hands a guest that has its wire to its shard, without waiting for that.
    pub(super) fn leave_at_door(&self, shard: usize, arrival: Arrival) -> Result<(), GuestError> {
        let is_taken = self.daemon.shards[shard].expect(arrival);
        is_taken.then_some(()).ok_or(GuestError::Broken)
    }

    /// Builds the domain, of a shell if there is one, and all that its shard needs to serve it.
    pub(super) fn arrange(
        &self,
        config: &GuestConfig,
        record: &GuestRecord,
        ticket: &mut Ticket,
        vacant: Option<Vacant>,
    ) -> Result<(Arranged, Arrival), GuestError> {
        let daemon = self.daemon;
        let foreign = xenstore::is_foreign(record.control);
        let ours = if foreign { &[][..] } else { &record.devices[..] };
        let specs = devices::open_all(ours, |disk| disks::open(daemon, disk))?;
        let (prepared, fittings) = self.domain(config, record, ticket, vacant)?;
        let life = prepared.record();
        let devices = devices::plugs(life, record, daemon.consoles.sink(life.uuid), specs);
        let (xen, records) = (&daemon.xen, &daemon.records);
        let Fittings { page, wire, open, .. } = fittings;
        let place = Place { xen, life, plugs: &devices, records, running: false, page };
        let line = place.line(record.control)?;
        if foreign {
            xenstore::add(&daemon.xen, prepared.record())?;
        }
        let (shard, wire) = match wire {
            Some((shard, wire)) => (shard, Some(wire)),
            None => (daemon.guests.next_shard(daemon.shards.len()), None),
        };
        let (status, latest) = watch::channel(Status::default());
        let book = daemon.logs.book(self.uuid, life.name.as_str());
        let (uuid, domain, left, started) = (self.uuid, life.domid, vec![], Started::default());
        let looks = daemon.ends.looks();
        let arranged =
            Arranged { prepared, shard, status: latest, started: started.clone(), open, looks };
        let arrival = Arrival { uuid, domain, line, wire, devices, left, started, book, status };
        Ok((arranged, arrival))
    }

    /// Its domain, and what was prepared around it.
    fn domain(
        &self,
        config: &GuestConfig,
        record: &GuestRecord,
        ticket: &mut Ticket,
        vacant: Option<Vacant>,
    ) -> Result<(Prepared, Fittings), GuestError> {
        let lifecycle = &self.daemon.lifecycle;
        if let Some(ready) = ticket.ready(config) {
            let Ready { mut fittings, loaded } = ready.map_err(LifecycleError::from)?;
            let prepared = lifecycle.finish(loaded, config, fittings.place.take())?;
            return Ok((prepared, fittings));
        }
        let vacant = vacant.map_or_else(|| lifecycle.vacant(config), Ok)?;
        let spec = ChannelSpec::for_guest(built_as(record.control), config);
        Ok((lifecycle.build(config, &spec, vacant)?, Fittings::default()))
    }

    /// Lets the guest run unless it is to be `paused`, writes down that it lives and makes it known.
    pub(super) fn begin(
        &self,
        arranged: Arranged,
        record: &mut GuestRecord,
        paused: bool,
    ) -> Result<(Arc<Guest>, Timings), GuestError> {
        let Arranged { prepared, shard, status, started, open, looks } = arranged;
        let daemon = self.daemon;
        let (life, timings) = if paused {
            prepared.hold()
        } else {
            started.tell();
            prepared.start()?
        };
        record.stage = Stage::Living;
        if let Err(e) = daemon.records.write_at(record, open.as_ref()) {
            let _ = daemon.lifecycle.destroy(&life.record);
            return Err(GuestError::Record(e));
        }
        let guest = Guest::new(shard, status, started, life, record.clone());
        daemon.guests.add(Arc::clone(&guest));
        if daemon.ends.looks() != looks {
            // It may have ended before anybody knew it.
            daemon.ends.look();
        }
        Ok((guest, timings))
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

/// Makes sure that what the guest is to be called is free, and looks at its images. Blocks on Xen and
/// on files.
fn look(daemon: &Daemon, config: &GuestConfig) -> Result<(Vacant, Inspection), GuestError> {
    let vacant = daemon.lifecycle.vacant(config)?;
    let images = daemon.lifecycle.creator().inspect(config).map_err(LifecycleError::from)?;
    if xenstore::is_foreign(images.control) {
        xenstore::check()?;
    }
    Ok((vacant, images))
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
