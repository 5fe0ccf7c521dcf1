//! Guests that find their devices through a XenStore of their own: what the facade asks
//! for is done here, and each device has a port of its own, made by the guest.

use std::time::Duration;

use lightvm::xen::XenError;

use super::device::Front;
use super::guest::Guest;
use super::line::{Line, Role};
use super::tools::Tools;
use super::{Fault, Pages, Wish, storm};
use crate::block::Abi;
use crate::facade::{self, Ask, BlockAbi, BusEvent, Device, Event, Facade, Key, NetFront};

/// Rounds in one turn of a store whose guest goes on asking meanwhile.
const ROUNDS: u32 = 2;

/// What answers cost a guest that asked without calling.
const UNCALLED: Duration = Duration::from_micros(500);

/// A guest's store and console ports.
pub struct StoreLine {
    port: u32,
    console: u32,
    facade: Facade<Pages>,
    /// Its turn ended before its work.
    again: bool,
}

impl StoreLine {
    /// The line of a guest with store port `port` and console port `console`.
    pub fn new(facade: Facade<Pages>, port: u32, console: u32) -> StoreLine {
        StoreLine { port, console, facade, again: false }
    }

    pub(super) fn remote_ports(&self) -> Vec<(u32, Role)> {
        vec![(self.port, Role::Line), (self.console, Role::Device(super::line::CONSOLE))]
    }

    /// Requests that were answered with an error.
    pub(super) fn refused(&self) -> u64 {
        self.facade.machine().refused()
    }

    /// Whether the guest's requests are answered.
    pub(super) fn rest(&self) -> bool {
        !self.again
    }
}

impl Guest {
    /// Answers the guest's requests, and does what they bring about. Answers which
    /// devices were connected.
    pub(super) fn take_store(&mut self, tools: &mut Tools) -> u32 {
        let again = matches!(&self.line, Line::Facade(line) if line.again);
        let began = (std::mem::take(&mut self.raised) || again).then(storm::used);
        let (mut fresh, mut notify) = (0, false);
        for _ in 0..ROUNDS {
            let Line::Facade(line) = &mut self.line else { break };
            let turn = line.facade.service();
            notify |= turn.notify;
            line.again = turn.again || !turn.events.is_empty();
            if let Some(error) = turn.unsafe_to_restart {
                tracing::error!(domain = %self.domain, "a restart would not find this guest: {error}");
            }
            if turn.events.is_empty() {
                break;
            }
            for event in turn.events {
                fresh |= self.store_event(event, tools);
            }
        }
        if notify {
            self.notify(Role::Line, tools);
            self.effort.errand += began.map_or(UNCALLED, storm::since);
        }
        fresh
    }

    fn store_event(&mut self, event: Event, tools: &mut Tools) -> u32 {
        match event {
            Event::Device(event) => return self.device_event(event, tools),
            Event::AskTaken => self.status.send_modify(|status| {
                status.acknowledged = (status.acknowledged.0.wrapping_add(1), 0);
            }),
            Event::Broken(error) => {
                tracing::warn!(domain = %self.domain, "store connection ended: {error}");
                self.status.send_modify(|status| status.store_fault = Some(error.to_string()));
            }
        }
        0
    }

    fn device_event(&mut self, event: BusEvent, tools: &mut Tools) -> u32 {
        match event {
            BusEvent::Attach { device, front } => {
                self.effort.connections += 1;
                let attached = self.attach_front(device, front, tools);
                let slot = self.slot_of(device);
                self.with_facade(|facade| match &attached {
                    Ok(()) => facade.attached(device),
                    Err(fault) => facade.refused(device, &fault.to_string()),
                });
                if let (Err(fault), Some(slot)) = (attached, slot) {
                    self.fail_slot(slot, fault, tools);
                }
                return slot.map_or(0, |slot| 1 << slot);
            }
            BusEvent::Detach { device } => {
                self.detach_front(device, tools);
                self.with_facade(|facade| facade.detached(device));
            }
            BusEvent::Removed { device } => {
                if let Some(slot) = self.slot_of(device) {
                    self.detach_front(device, tools);
                    let place = self.slots[usize::from(slot)].take();
                    place.into_iter().for_each(|mut place| place.forget());
                    self.tell_connected(slot);
                }
            }
            BusEvent::Unfit { device, reason } => {
                tracing::warn!(domain = %self.domain, %device, "front end not served: {reason}");
            }
        }
        0
    }

    /// Connects a device to the rings and the port that the guest made.
    fn attach_front(
        &mut self,
        device: Key,
        front: facade::Front,
        tools: &mut Tools,
    ) -> Result<(), Fault> {
        let slot = self.slot_of(device).ok_or(Fault::Host(format!("there is no {device}")))?;
        let domain = self.domain;
        let map = |refs: &[u32], tools: &Tools| -> Result<Pages, Fault> {
            Ok(Box::new(tools.grants.map(domain, refs).map_err(memory)?))
        };
        let (port, front) = match front {
            facade::Front::Net(net) => {
                let (tx, rx) = (map(&[net.tx], tools)?, map(&[net.rx], tools)?);
                (net.port, Front::Net { tx, rx, features: features(&net) })
            }
            facade::Front::Block(block) => {
                let abi = match block.abi {
                    BlockAbi::X86_64 => Abi::X86_64,
                    BlockAbi::X86_32 => Abi::X86_32,
                };
                let (ring, persistent) = (map(&block.ring, tools)?, block.persistent);
                (block.port, Front::Block { ring, abi, persistent })
            }
        };
        self.unbind(Role::Device(slot), tools);
        self.bind(port, Role::Device(slot), tools).map_err(memory)?;
        let Some(place) = &mut self.slots[usize::from(slot)] else { return Ok(()) };
        place.connect(domain, front, tools)?;
        self.tell_connected(slot);
        Ok(())
    }

    fn detach_front(&mut self, device: Key, tools: &mut Tools) {
        let Some(slot) = self.slot_of(device) else { return };
        if let Some(place) = &mut self.slots[usize::from(slot)] {
            place.disconnect(self.domain, tools);
        }
        self.unbind(Role::Device(slot), tools);
        self.tell_connected(slot);
    }

    fn fail_slot(&mut self, slot: u8, fault: Fault, tools: &mut Tools) {
        if let Some(place) = &mut self.slots[usize::from(slot)] {
            place.fail(self.domain, fault, tools);
        }
        self.unbind(Role::Device(slot), tools);
        self.tell_connected(slot);
    }

    /// Tells the store of a device that had to be disconnected.
    pub(super) fn store_fault(&mut self, slot: u8, tools: &mut Tools) {
        let Some(place) = &self.slots[usize::from(slot)] else { return };
        let (Some(fault), Some(offer)) = (place.fault(), &place.plug.offer) else { return };
        let (key, reason) = (offer.key(), fault.to_string());
        if matches!(self.line, Line::Facade(_)) {
            self.unbind(Role::Device(slot), tools);
            self.with_facade(|facade| facade.refused(key, &reason));
        }
    }

    /// Does something with the guest's store, if it has one; its next turn shows it.
    pub(super) fn with_facade(&mut self, verb: impl FnOnce(&mut Facade<Pages>)) {
        if let Line::Facade(line) = &mut self.line {
            verb(&mut line.facade);
            line.again = true;
        }
    }

    /// The name of the device in `slot` in the guest's store.
    pub(super) fn store_key(&self, slot: u8) -> Option<Key> {
        let place = self.slots.get(usize::from(slot))?.as_ref()?;
        place.plug.offer.as_ref().map(Device::key)
    }

    fn slot_of(&self, device: Key) -> Option<u8> {
        let is = |offer: &Device| offer.key() == device;
        let place = self.slots.iter().flatten().find(|p| p.plug.offer.as_ref().is_some_and(is))?;
        Some(place.plug.slot)
    }
}

impl From<Wish> for Ask {
    fn from(wish: Wish) -> Ask {
        match wish {
            Wish::Poweroff => Ask::Poweroff,
            Wish::Reboot => Ask::Reboot,
            Wish::Suspend => Ask::Suspend,
        }
    }
}

fn memory(error: XenError) -> Fault {
    Fault::Memory(error.to_string())
}

/// A front end's features, in the bits of `docs/noxs.md`.
fn features(net: &NetFront) -> u16 {
    let bits = [net.checksum_v4, net.segmentation_v4, net.segmentation_v6, net.scatter];
    bits.into_iter().enumerate().map(|(bit, on)| u16::from(on) << bit).sum()
}
