//! Loaded domains: a kernel in memory, a vCPU at its entry, nothing running yet.

use uuid::Uuid;

use super::owner::Owner;
use super::shell::Vcpus;
use super::{Running, Stage, Timings};
use crate::build::{BuildError, Channel, ConsoleRing};
use crate::config::GuestType;
use crate::xen::{CpuMap, Credit2, DomId};

/// A domain ready to start. Dropping it destroys it.
#[derive(Debug)]
pub struct Loaded {
    pub(super) owner: Owner,
    pub(super) guest_type: GuestType,
    pub(super) vcpus: Vcpus,
    pub(super) console: ConsoleRing,
    pub(super) channel: Option<Channel>,
    pub(super) timings: Timings,
}

/// Where a guest's vCPUs run and how much they get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// CPUs per vCPU; vCPUs behind the end of the list, and empty sets, run anywhere.
    pub affinity: Vec<CpuMap>,
    /// Share under the credit2 scheduler; `None`: Xen's default.
    pub credit2: Option<Credit2>,
}

impl Loaded {
    /// Its number.
    pub fn domid(&self) -> DomId {
        self.owner.domid
    }

    /// Its identity.
    pub fn uuid(&self) -> Uuid {
        self.owner.uuid
    }

    /// PVH or PV.
    pub fn guest_type(&self) -> GuestType {
        self.guest_type
    }

    /// Where its console is.
    pub fn console_ring(&self) -> ConsoleRing {
        self.console
    }

    /// Its channel, if it has one.
    pub fn channel(&self) -> Option<&Channel> {
        self.channel.as_ref()
    }

    /// Time spent so far.
    pub fn timings(&self) -> &Timings {
        &self.timings
    }

    /// Time spent so far, to book more on.
    pub fn timings_mut(&mut self) -> &mut Timings {
        &mut self.timings
    }

    /// Gives it another identity.
    ///
    /// # Errors
    /// [`BuildError::Xen`]; it keeps the one it has then.
    pub fn set_uuid(&mut self, uuid: Uuid) -> Result<(), BuildError> {
        self.owner.xen.set_domain_uuid(self.owner.domid, uuid)?;
        self.owner.uuid = uuid;
        Ok(())
    }

    /// Says where its vCPUs run and how much they get.
    ///
    /// # Errors
    /// [`BuildError::Xen`]; the domain stays as it was but for what was set before.
    pub fn place(&mut self, placement: &Placement) -> Result<(), BuildError> {
        let (owner, vcpus) = (&self.owner, self.vcpus);
        self.timings.measure(Stage::Placement, || {
            for (vcpu, cpus) in (0..vcpus.max).zip(&placement.affinity) {
                if !cpus.is_empty() {
                    owner.xen.set_affinity(owner.domid, vcpu, cpus)?;
                }
            }
            if let Some(share) = placement.credit2 {
                owner.xen.set_credit2(owner.domid, share)?;
            }
            Ok(())
        })
    }

    /// Lets it run.
    ///
    /// # Errors
    /// [`BuildError::Xen`]; the domain is gone then.
    pub fn start(mut self) -> Result<(Running, Timings), BuildError> {
        let owner = &self.owner;
        self.timings.measure(Stage::Start, || owner.xen.unpause_domain(owner.domid))?;
        Ok(self.finish())
    }

    /// Lets it live without running: [`Running::unpause`] starts it.
    pub fn hold(self) -> (Running, Timings) {
        self.finish()
    }

    fn finish(self) -> (Running, Timings) {
        let Loaded { owner, guest_type, console, timings, .. } = self;
        let (xen, domid, uuid) = owner.release();
        (Running::new(xen, domid, uuid, guest_type, console), timings)
    }
}
