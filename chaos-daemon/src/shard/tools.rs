//! What a shard works with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use lightvm::xen::{DomId, EventChannels, GrantDevice, Port, Xen};

use super::timers::{Later, Timers};
use super::{Bell, Context, DeviceId, GuestId, Redo};
use crate::block::Engine;
use crate::switch::Fabric;

/// A shard's own: nothing of it is shared with another shard.
pub(super) struct Tools {
    pub(super) xen: Arc<Xen>,
    pub(super) channels: Arc<EventChannels>,
    /// Whose a local port is.
    pub(super) owners: HashMap<Port, GuestId>,
    /// Ports that may fire again, for [`Tools::unmask_all`].
    pub(super) unmasked: Vec<Port>,
    pub(super) grants: GrantDevice,
    pub(super) fabric: Fabric,
    pub(super) engine: Engine,
    /// What is being published.
    pub(super) redo: Redo,
    pub(super) timers: Timers,
    /// When this turn began.
    pub(super) now: Instant,
}

impl Tools {
    /// What the back end of `device` sees.
    pub(super) fn context<'a>(
        &'a mut self,
        domain: DomId,
        device: DeviceId,
        bell: &'a mut Bell,
    ) -> Context<'a> {
        Context {
            xen: &self.xen,
            grants: &self.grants,
            domain,
            device,
            now: self.now,
            bell,
            fabric: &mut self.fabric,
            io: &mut self.engine,
            redo: &self.redo,
        }
    }

    /// Raises an event. A guest that closed its port hears nothing.
    pub(super) fn notify(&self, port: Port) {
        let _ = self.channels.notify(port);
    }

    /// Lets `port` fire again, after the turns of this round or at `hold`.
    pub(super) fn unmask(&mut self, guest: GuestId, port: Port, hold: Option<Instant>) {
        match hold {
            Some(at) => self.timers.add(at, Later::Unmask(guest, port)),
            None => self.unmasked.push(port),
        }
    }

    /// Lets ports fire again whose guests have had their turns, with one call for many.
    pub(super) fn unmask_all(&mut self) {
        // The kernel passes over a port that is no longer bound, and over one that was bound
        // anew and is not masked.
        let _ = self.channels.unmask_all(&self.unmasked);
        self.unmasked.clear();
    }
}
