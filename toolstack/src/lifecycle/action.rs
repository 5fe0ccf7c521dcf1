//! What becomes of a guest that stopped.

use std::sync::Arc;

use uuid::Uuid;

use super::name::kept_name;
use super::prepared::Prepared;
use super::{Guest, Lifecycle, LifecycleError};
use crate::build::ChannelSpec;
use crate::config::{Action, GuestConfig, GuestName};
use crate::domain::{DomainError, Timings};
use crate::registry::Record;
use crate::xen::{DomainState, ShutdownReason};

/// What became of a guest that stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It had not stopped; nothing was done.
    Lives(Guest),
    /// Nobody is left: it was destroyed, here or elsewhere.
    Gone,
    /// Its domain was kept, to be looked into and destroyed.
    Preserved(Guest),
    /// It was built again and runs.
    Restarted {
        /// The same guest in its new domain.
        guest: Guest,
        /// What building it took; nothing when another process did it.
        timings: Timings,
        /// The name under which the stopped domain was kept, if it was.
        kept: Option<GuestName>,
    },
}

/// What is to become of a guest that stopped; only one that comes back is not yet what it will be.
#[derive(Debug)]
pub enum Decision {
    /// Nothing is left to do.
    Done(Box<Outcome>),
    /// It was built again and has not started.
    Again {
        /// The same guest in its new domain.
        prepared: Box<Prepared>,
        /// The name under which the stopped domain was kept, if it was.
        kept: Option<GuestName>,
    },
}

impl Decision {
    /// Lets a guest run that was built again.
    ///
    /// # Errors
    /// [`LifecycleError::Build`]; nothing of the guest is left then.
    pub fn start(self) -> Result<Outcome, LifecycleError> {
        match self {
            Decision::Done(outcome) => Ok(*outcome),
            Decision::Again { prepared, kept } => {
                let (guest, timings) = prepared.start()?;
                Ok(Outcome::Restarted { guest, timings, kept })
            }
        }
    }
}

/// What `config` wants done with a guest that stopped for `reason`.
///
/// A suspended guest is kept, because its state is all that is left of it. Reasons
/// without a name end it, as under `xl`.
pub fn action_for(config: &GuestConfig, reason: ShutdownReason) -> Action {
    match reason {
        ShutdownReason::Poweroff => config.on_poweroff(),
        ShutdownReason::Reboot => config.on_reboot(),
        ShutdownReason::Crash => config.on_crash(),
        ShutdownReason::Watchdog => config.on_watchdog(),
        ShutdownReason::SoftReset => config.on_soft_reset(),
        ShutdownReason::Suspend => Action::Preserve,
        ShutdownReason::Other(_) => Action::Destroy,
    }
}

/// Does it, but for starting a guest that comes back. The caller holds the guest's lock.
pub(super) fn decide(
    lifecycle: &Lifecycle,
    guest: Guest,
    instead: Option<ShutdownReason>,
    channel: &ChannelSpec,
) -> Result<Decision, LifecycleError> {
    let done = |outcome| Ok(Decision::Done(Box::new(outcome)));
    let reason = match guest.running.info() {
        Ok(info) => match info.state {
            DomainState::Shutdown(reason) => reason,
            DomainState::Dying => return done(Outcome::Gone),
            _ => return done(Outcome::Lives(guest)),
        },
        Err(DomainError::Vanished { .. }) => return done(lifecycle.successor(&guest)?),
        Err(e) => return Err(e.into()),
    };
    match action_for(&guest.record.config, instead.unwrap_or(reason)) {
        Action::Preserve => done(Outcome::Preserved(guest)),
        Action::Destroy => {
            lifecycle.end(guest)?;
            done(Outcome::Gone)
        }
        Action::Restart => lifecycle.rebuild(guest, channel),
        Action::RenameRestart => lifecycle.rebuild_aside(&guest, channel),
    }
}

impl Lifecycle {
    /// Destroys a guest and forgets it. The caller holds the guest's lock.
    pub(super) fn end(&self, guest: Guest) -> Result<(), LifecycleError> {
        let Guest { running, record } = guest;
        match running.destroy().map_err(|e| e.source) {
            Ok(()) | Err(DomainError::Vanished { .. }) => {
                self.registry.remove(&record);
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Destroys the stopped domain and builds the guest again. Its name stays taken
    /// meanwhile: who asks for it waits for the lock that the caller holds.
    fn rebuild(&self, guest: Guest, channel: &ChannelSpec) -> Result<Decision, LifecycleError> {
        let Guest { running, record } = guest;
        match running.destroy().map_err(|e| e.source) {
            Ok(()) | Err(DomainError::Vanished { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        let (name, uuid) = (record.name.clone(), record.uuid);
        let register = |new: &Record| self.registry.update(new);
        match Prepared::load(self, &record.config, channel, name, uuid, register) {
            Ok(prepared) => Ok(Decision::Again { prepared: Box::new(prepared), kept: None }),
            Err(e) => {
                self.registry.remove(&record);
                Err(e)
            }
        }
    }

    /// Builds the guest again beside the stopped domain, which keeps its memory under
    /// another name and UUID.
    fn rebuild_aside(
        &self,
        guest: &Guest,
        channel: &ChannelSpec,
    ) -> Result<Decision, LifecycleError> {
        let (xen, old) = (guest.running.xen(), &guest.record);
        let kept = Some(self.set_aside(guest)?);
        let register = |new: &Record| self.registry.add(xen, new);
        let (name, uuid) = (old.name.clone(), old.uuid);
        let prepared = Prepared::load(self, &old.config, channel, name, uuid, register)?;
        Ok(Decision::Again { prepared: Box::new(prepared), kept })
    }

    /// Gives a stopped domain another name and UUID, so that its own are free.
    fn set_aside(&self, guest: &Guest) -> Result<GuestName, LifecycleError> {
        let xen = guest.running.xen();
        let uuid = Uuid::new_v4();
        let name = kept_name(&guest.record.name, uuid);
        let record = Record { name: name.clone(), uuid, ..guest.record.clone() };
        xen.set_domain_uuid(record.domid, uuid)?;
        self.registry.remove(&guest.record);
        self.registry.add(xen, &record)?;
        Ok(name)
    }

    /// What another process made of a guest whose domain is gone.
    fn successor(&self, guest: &Guest) -> Result<Outcome, LifecycleError> {
        let xen = Arc::clone(guest.running.xen());
        let Some(record) = self.registry.record(guest.record.uuid) else {
            return Ok(Outcome::Gone);
        };
        match Guest::adopt(&xen, record) {
            Ok(guest) => Ok(Outcome::Restarted { guest, timings: Timings::default(), kept: None }),
            Err(DomainError::Vanished { .. }) => Ok(Outcome::Gone),
            Err(e) => Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GuestOverrides;

    fn config() -> GuestConfig {
        GuestConfig::from_overrides(GuestOverrides {
            kernel: Some("noop".into()),
            memory: Some("4".parse().unwrap()),
            on_poweroff: Some(Action::Restart),
            on_reboot: Some(Action::Preserve),
            on_crash: Some(Action::RenameRestart),
            on_watchdog: Some(Action::Destroy),
            on_soft_reset: Some(Action::Restart),
            ..Default::default()
        })
        .unwrap()
        .config
    }

    #[test]
    fn each_reason_has_its_own_action() {
        let config = config();
        for (reason, action) in [
            (ShutdownReason::Poweroff, Action::Restart),
            (ShutdownReason::Reboot, Action::Preserve),
            (ShutdownReason::Crash, Action::RenameRestart),
            (ShutdownReason::Watchdog, Action::Destroy),
            (ShutdownReason::SoftReset, Action::Restart),
            (ShutdownReason::Suspend, Action::Preserve),
            (ShutdownReason::Other(200), Action::Destroy),
        ] {
            assert_eq!(action_for(&config, reason), action, "{reason:?}");
        }
    }
}
