//! Guests from their configuration to their end: named, written down, and brought
//! back when their configuration says so.
//!
//! [`Creator`] builds domains and [`Registry`] knows names; this module keeps the
//! two in step, so that a name never stands for a guest that was not started and a
//! guest never runs without a name.
//!
//! ```text
//!  GuestConfig ──prepare──▶ Prepared ──start──▶ Guest ──destroy──▶ nothing left
//!                              │ drop             ▲ │
//!                              ▼                  │ │ it stops by itself
//!                        nothing left       restart │
//!                                                 │ ▼
//!                                              carry_out ──▶ Outcome
//! ```

mod action;
mod error;
mod guest;
mod name;
mod prepared;

use crate::build::ChannelSpec;
use crate::config::GuestConfig;
use crate::create::Creator;
use crate::domain::{DomainError, Loaded};
use crate::registry::{Record, Registry, Reserved};
use crate::xen::ShutdownReason;

pub use action::{Decision, Outcome, action_for};
pub use error::LifecycleError;
pub use guest::Guest;
pub use name::{generated_name, kept_name};
pub use prepared::Prepared;

/// That a name and a UUID were free a moment ago ([`Lifecycle::vacant`]).
#[derive(Debug)]
pub struct Vacant(());

/// Creates guests, ends them, and does what their configuration wants done when
/// they stop. Usable from any thread.
#[derive(Debug)]
pub struct Lifecycle {
    creator: Creator,
    registry: Registry,
}

impl Lifecycle {
    /// Guests built by `creator` and written down in `registry`.
    pub fn new(creator: Creator, registry: Registry) -> Self {
        Lifecycle { creator, registry }
    }

    /// The builder.
    pub fn creator(&self) -> &Creator {
        &self.creator
    }

    /// Where guests are written down.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Builds the guest that `config` describes and takes its name. A guest without
    /// a name gets a [`generated_name`], one without a UUID a random one.
    ///
    /// # Errors
    /// [`LifecycleError`]; nothing of the guest is left then.
    pub fn prepare(&self, config: &GuestConfig) -> Result<Prepared, LifecycleError> {
        self.prepare_with(config, &ChannelSpec::none())
    }

    /// As [`Lifecycle::prepare`], with a channel that the caller serves.
    ///
    /// # Errors
    /// As [`Lifecycle::prepare`].
    pub fn prepare_with(
        &self,
        config: &GuestConfig,
        channel: &ChannelSpec,
    ) -> Result<Prepared, LifecycleError> {
        self.build(config, channel, self.vacant(config)?)
    }

    /// Makes sure that the name and the UUID that `config` gives are free, before anything is spent
    /// on the guest.
    ///
    /// # Errors
    /// [`LifecycleError::Registry`] when one of them is taken.
    pub fn vacant(&self, config: &GuestConfig) -> Result<Vacant, LifecycleError> {
        let xen = self.creator.xen();
        // First of all: what follows would touch the other guest of this UUID.
        if let Some(uuid) = config.uuid() {
            self.registry.check_uuid(xen, uuid)?;
        }
        if let Some(name) = config.name() {
            self.registry.check_name(xen, name)?;
        }
        Ok(Vacant(()))
    }

    /// As [`Lifecycle::prepare_with`], for a name and a UUID that were asked for before.
    ///
    /// # Errors
    /// As [`Lifecycle::prepare`]: somebody may have taken the name since.
    pub fn build(
        &self,
        config: &GuestConfig,
        channel: &ChannelSpec,
        _vacant: Vacant,
    ) -> Result<Prepared, LifecycleError> {
        Prepared::build(self, config, channel)
    }

    /// Makes the guest that `config` describes of a domain that was built in advance to all of it
    /// but its identity and its placement. A guest without a UUID keeps the domain's, and its record
    /// goes to the `place` that was reserved for it, if there is one; whether another UUID is free has
    /// been asked before ([`Lifecycle::vacant`]).
    ///
    /// # Errors
    /// [`LifecycleError`], also when the name is taken; the domain is gone then.
    pub fn finish(
        &self,
        loaded: Loaded,
        config: &GuestConfig,
        place: Option<Reserved>,
    ) -> Result<Prepared, LifecycleError> {
        Prepared::finish(self, loaded, config, place)
    }

    /// Forgets the guest that `record` tells of and leaves its domain to the caller: its name is
    /// free at once. Waits for whoever brings the guest back.
    ///
    /// # Errors
    /// [`LifecycleError::Registry`] when it cannot be waited for.
    pub fn forget(&self, record: &Record) -> Result<(), LifecycleError> {
        let _turn = self.registry.lock(record.uuid)?;
        self.registry.remove(record);
        Ok(())
    }

    /// As [`Lifecycle::forget`] where nobody has to be waited for. `false`: somebody would have to be, or
    /// the guest has another name by now, and nothing was done.
    ///
    /// # Errors
    /// [`LifecycleError::Registry`].
    pub fn forget_at_once(&self, record: &Record) -> Result<bool, LifecycleError> {
        Ok(self.registry.remove_at_once(record)?)
    }

    /// Destroys the guest that `record` tells of, in whatever domain it lives by now,
    /// and forgets it. One that is gone already is forgotten.
    ///
    /// # Errors
    /// [`LifecycleError::Domain`]; the guest stays as it was.
    pub fn destroy(&self, record: &Record) -> Result<(), LifecycleError> {
        let _turn = self.registry.lock(record.uuid)?;
        // Read again: it may have been brought back, or renamed, since.
        let record = self.registry.record(record.uuid).unwrap_or_else(|| record.clone());
        match Guest::adopt(self.creator.xen(), record.clone()) {
            Ok(guest) => self.end(guest),
            Err(DomainError::Vanished { .. }) => {
                self.registry.remove(&record);
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Does what the configuration of `guest` says about the way it stopped.
    ///
    /// Of several processes that see the same end one does it; the others get the
    /// same answer, or [`Outcome::Gone`] where nothing is left to adopt.
    ///
    /// # Errors
    /// [`LifecycleError`]. A guest that could not be brought back is gone.
    pub fn carry_out(&self, guest: Guest) -> Result<Outcome, LifecycleError> {
        let _turn = self.registry.lock(guest.record.uuid)?;
        action::decide(self, guest, None, &ChannelSpec::none())?.start()
    }

    /// As [`Lifecycle::carry_out`], as if `guest` had stopped for `reason`.
    ///
    /// # Errors
    /// As [`Lifecycle::carry_out`].
    pub fn carry_out_as(
        &self,
        guest: Guest,
        reason: ShutdownReason,
    ) -> Result<Outcome, LifecycleError> {
        let _turn = self.registry.lock(guest.record.uuid)?;
        action::decide(self, guest, Some(reason), &ChannelSpec::none())?.start()
    }

    /// As [`Lifecycle::carry_out`] for a guest that the caller serves: one that comes back has
    /// the channel `channel` and has not started yet. With a `reason`, as if it had stopped for
    /// it.
    ///
    /// # Errors
    /// As [`Lifecycle::carry_out`].
    pub fn carry_out_with(
        &self,
        guest: Guest,
        reason: Option<ShutdownReason>,
        channel: &ChannelSpec,
    ) -> Result<Decision, LifecycleError> {
        let _turn = self.registry.lock(guest.record.uuid)?;
        action::decide(self, guest, reason, channel)
    }
}
