//! Guests that are built and named and have not started.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::{Guest, Lifecycle, LifecycleError, generated_name};
use crate::build::ChannelSpec;
use crate::config::{GuestConfig, GuestName};
use crate::domain::{Loaded, Stage, Timings};
use crate::registry::{Record, Registry, RegistryError, Reserved};

/// A guest ready to start. Dropping it leaves nothing of it.
#[derive(Debug)]
pub struct Prepared {
    // Before the claim: the domain is gone when its name becomes free.
    loaded: Loaded,
    claim: Claim,
    record: Record,
}

/// A name taken: given back when dropped.
#[derive(Debug)]
struct Claim {
    registry: Registry,
    name: GuestName,
    uuid: Uuid,
    armed: bool,
}

impl Claim {
    fn keep(mut self) {
        self.armed = false;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.armed {
            self.registry.release(self.uuid, &self.name);
        }
    }
}

impl Prepared {
    pub(super) fn build(
        lifecycle: &Lifecycle,
        config: &GuestConfig,
        channel: &ChannelSpec,
    ) -> Result<Prepared, LifecycleError> {
        let (xen, registry) = (lifecycle.creator.xen(), &lifecycle.registry);
        let uuid = config.uuid().unwrap_or_else(Uuid::new_v4);
        let name = config.name().cloned().unwrap_or_else(|| generated_name(config.kernel(), uuid));
        Self::load(lifecycle, config, channel, name, uuid, |record| registry.add(xen, record))
    }

    /// Builds the guest `name`, `uuid` and lets `register` write it down.
    pub(super) fn load(
        lifecycle: &Lifecycle,
        config: &GuestConfig,
        channel: &ChannelSpec,
        name: GuestName,
        uuid: Uuid,
        register: impl FnOnce(&Record) -> Result<(), RegistryError>,
    ) -> Result<Prepared, LifecycleError> {
        let config = config.clone().with_name(name.clone()).with_uuid(uuid);
        let loaded = lifecycle.creator.create_with(&config, channel)?;
        Self::register(lifecycle, loaded, config, name, register)
    }

    /// Makes the guest that `config` describes of a domain that was built in advance.
    pub(super) fn finish(
        lifecycle: &Lifecycle,
        mut loaded: Loaded,
        config: &GuestConfig,
        place: Option<Reserved>,
    ) -> Result<Prepared, LifecycleError> {
        let (xen, registry) = (lifecycle.creator.xen(), &lifecycle.registry);
        if let Some(uuid) = config.uuid().filter(|&uuid| uuid != loaded.uuid()) {
            loaded.set_uuid(uuid)?;
        }
        lifecycle.creator.place(&mut loaded, config)?;
        let uuid = loaded.uuid();
        let name = config.name().cloned().unwrap_or_else(|| generated_name(config.kernel(), uuid));
        let config = config.clone().with_name(name.clone()).with_uuid(uuid);
        let register = |record: &Record| registry.add_at(xen, record, place);
        Self::register(lifecycle, loaded, config, name, register)
    }

    fn register(
        lifecycle: &Lifecycle,
        mut loaded: Loaded,
        config: GuestConfig,
        name: GuestName,
        register: impl FnOnce(&Record) -> Result<(), RegistryError>,
    ) -> Result<Prepared, LifecycleError> {
        let record = Record {
            name,
            uuid: loaded.uuid(),
            domid: loaded.domid(),
            guest_type: loaded.guest_type(),
            console: loaded.console_ring(),
            channel: loaded.channel().cloned(),
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            config,
        };
        loaded.timings_mut().measure(Stage::Register, || register(&record))?;
        let (registry, name) = (lifecycle.registry.clone(), record.name.clone());
        let claim = Claim { registry, name, uuid: record.uuid, armed: true };
        Ok(Prepared { loaded, claim, record })
    }

    /// Its domain.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What is written down about it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Lets it run.
    ///
    /// # Errors
    /// [`LifecycleError::Build`]; nothing of the guest is left then.
    pub fn start(self) -> Result<(Guest, Timings), LifecycleError> {
        let Prepared { loaded, claim, record } = self;
        let (running, timings) = loaded.start()?;
        claim.keep();
        Ok((Guest { running, record }, timings))
    }

    /// Lets it live without running: unpausing starts it.
    pub fn hold(self) -> (Guest, Timings) {
        let Prepared { loaded, claim, record } = self;
        let (running, timings) = loaded.hold();
        claim.keep();
        (Guest { running, record }, timings)
    }
}
