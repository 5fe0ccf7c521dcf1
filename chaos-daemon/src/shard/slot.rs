//! A place in a guest's device table, and the device in it.

use std::time::Instant;

use lightvm::api::DeviceStats;
use lightvm::xen::DomId;
use uuid::Uuid;

use super::device::{Device, Front};
use super::timers::Later;
use super::tools::Tools;
use super::{Bell, DeviceId, Fault, Left, Owner, Plug, Turn};
use crate::block::Completion;

/// A device's place. Its back end exists while a front end is connected.
pub(super) struct Slot {
    pub(super) id: DeviceId,
    guest: Uuid,
    pub(super) plug: Plug,
    /// What an earlier daemon had begun to publish in its rings.
    pub(super) left: Option<Left>,
    device: Option<Device>,
    fault: Option<Fault>,
    /// Connected, and the guest not told since: a daemon that was killed may have answered
    /// without getting to notify.
    fresh: bool,
    /// A turn is due then.
    wake: Option<Instant>,
    /// Counters of connections that are over.
    past: DeviceStats,
}

impl Slot {
    pub(super) fn new(id: DeviceId, guest: Uuid, plug: Plug) -> Slot {
        Slot {
            id,
            guest,
            plug,
            left: None,
            device: None,
            fault: None,
            fresh: false,
            wake: None,
            past: DeviceStats::default(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.device.is_some()
    }

    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Connects a front end, in place of one that was connected before.
    pub(super) fn connect(
        &mut self,
        domain: DomId,
        front: Front,
        tools: &mut Tools,
    ) -> Result<(), Fault> {
        self.disconnect(domain, tools);
        if let Some(left) = self.left.take() {
            left.finish(&front);
        }
        let mut bell = Bell::default();
        let mut context = tools.context(domain, self.id, &mut bell);
        self.device = Some(Device::attach(&self.plug.spec, front, &mut context)?);
        self.fault = None;
        self.fresh = true;
        Ok(())
    }

    pub(super) fn disconnect(&mut self, domain: DomId, tools: &mut Tools) {
        if let Some(device) = self.device.take() {
            self.past = sum(self.past, device.stats());
            device.detach(&mut tools.context(domain, self.id, &mut Bell::default()));
        }
    }

    /// Its rings are gone.
    pub(super) fn forget(&mut self) {
        if let Some(left) = self.left.take() {
            left.forget();
        }
    }

    /// Gives the device a turn. Answers whether it wants another, and rings `bell` when
    /// the guest has to look.
    pub(super) fn serve(&mut self, domain: DomId, bell: &mut Bell, tools: &mut Tools) -> bool {
        self.turn(domain, bell, tools, Device::service)
    }

    /// Hands it what the switch has for it.
    pub(super) fn deliver(&mut self, domain: DomId, bell: &mut Bell, tools: &mut Tools) -> bool {
        self.turn(domain, bell, tools, Device::deliver)
    }

    fn turn(
        &mut self,
        domain: DomId,
        bell: &mut Bell,
        tools: &mut Tools,
        verb: impl FnOnce(&mut Device, &mut super::Context<'_>) -> Result<Turn, Fault>,
    ) -> bool {
        let Some(device) = &mut self.device else { return false };
        let owner = Owner { uuid: self.guest, domain, slot: self.id.slot };
        tools.redo.set_owner(&owner.to_bytes());
        match verb(device, &mut tools.context(domain, self.id, bell)) {
            Ok(turn) => {
                if std::mem::take(&mut self.fresh) {
                    bell.ring();
                }
                self.wake_at(turn.wake, tools);
                turn.again
            }
            Err(fault) => {
                self.fail(domain, fault, tools);
                false
            }
        }
    }

    /// Disconnects the device for good reason.
    pub(super) fn fail(&mut self, domain: DomId, fault: Fault, tools: &mut Tools) {
        tracing::warn!(%domain, slot = self.id.slot, "device disconnected: {fault}");
        self.disconnect(domain, tools);
        self.condemn(fault);
    }

    /// Says why it was disconnected, and is not connected again.
    pub(super) fn condemn(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    fn wake_at(&mut self, at: Option<Instant>, tools: &mut Tools) {
        let Some(at) = at else { return };
        if self.wake.is_none_or(|known| at < known || known <= tools.now) {
            self.wake = Some(at);
            tools.timers.add(at, Later::Serve(self.id));
        }
    }

    pub(super) fn completed(&mut self, completion: Completion) {
        if let Some(device) = &mut self.device {
            device.completed(completion);
        }
    }

    pub(super) fn stats(&self) -> DeviceStats {
        self.device.as_ref().map_or(self.past, |device| sum(self.past, device.stats()))
    }
}

/// What went through two connections of a device.
fn sum(a: DeviceStats, b: DeviceStats) -> DeviceStats {
    DeviceStats {
        in_bytes: a.in_bytes + b.in_bytes,
        in_count: a.in_count + b.in_count,
        out_bytes: a.out_bytes + b.out_bytes,
        out_count: a.out_count + b.out_count,
        in_dropped: a.in_dropped + b.in_dropped,
        out_dropped: a.out_dropped + b.out_dropped,
        errors: a.errors + b.errors,
        flushes: a.flushes + b.flushes,
        queued: b.queued,
        throttled: a.throttled + b.throttled,
    }
}
