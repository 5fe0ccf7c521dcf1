//! How a guest and its shard talk: which event channel ports there are, and what comes
//! through them beside the work of devices.

use lightvm::xen::XenError;

use super::arrival::{DeviceSpec, Plug, Status};
use super::device::Front;
use super::guest::{Guest, bits};
use super::store::StoreLine;
use super::tools::Tools;
use super::{Fault, Pages, storm};
use crate::channel::{Channel, News};

/// What an event channel port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The guest's channel as a whole.
    Line,
    /// One device.
    Device(u8),
}

/// One guest's channel.
pub enum Line {
    /// A console and nothing else.
    Plain {
        /// The guest's console port.
        port: u32,
    },
    /// A noxs page: every device behind one port.
    Noxs(Box<Channel>),
    /// A XenStore of its own; a port for each device.
    Facade(Box<StoreLine>),
}

/// The place of a guest's first console.
pub(super) const CONSOLE: u8 = 0;

impl Line {
    /// The guest's ports that are there from the start.
    pub(super) fn remote_ports(&self) -> Vec<(u32, Role)> {
        match self {
            Line::Plain { port } => vec![(*port, Role::Device(CONSOLE))],
            Line::Noxs(channel) => vec![(channel.port(), Role::Line)],
            Line::Facade(line) => line.remote_ports(),
        }
    }

    /// The devices that may have rung before anybody served the guest, a bit each.
    pub(super) fn rung_at_first(&self) -> u32 {
        match self {
            Line::Plain { .. } | Line::Facade(_) => u32::MAX,
            // The page tells, or whoever took it over.
            Line::Noxs(_) => 0,
        }
    }

    /// Whether nothing has come meanwhile that would not be told.
    pub(super) fn rest(&mut self) -> bool {
        match self {
            Line::Plain { .. } => true,
            Line::Noxs(channel) => channel.rest(),
            Line::Facade(line) => line.rest(),
        }
    }

    /// What the guest said or asked through it in vain.
    pub(super) fn refused(&self) -> u64 {
        match self {
            Line::Plain { .. } => 0,
            Line::Noxs(channel) => channel.lies(),
            Line::Facade(line) => line.refused(),
        }
    }
}

impl Guest {
    /// Takes what came through the channel itself; answers what else there is.
    pub(super) fn take_line(&mut self, tools: &mut Tools) -> News {
        let before = self.line.refused();
        let news = match &self.line {
            Line::Noxs(_) => self.take_page(),
            // Its ports ring for more than moves data, such as room for packets, and a request
            // that is refused is answered too: systems ask for much that is not there.
            Line::Plain { .. } | Line::Facade(_) => {
                self.effort.worked = true;
                News { devices: self.take_store(tools), ..News::default() }
            }
        };
        self.effort.wrong += self.line.refused().saturating_sub(before);
        news
    }

    fn take_page(&mut self) -> News {
        let raised = std::mem::take(&mut self.raised);
        let Line::Noxs(channel) = &mut self.line else { return News::default() };
        let mut news = channel.take();
        // Who did not say that it rings for its console may have printed whenever it calls.
        let unsaid = raised && channel.taken(CONSOLE).is_none();
        news.devices |= u32::from(unsaid) << CONSOLE;
        news
    }

    /// Takes what the guest says through its page: a report, records. Whoever is told of it may
    /// take the processor from this thread.
    pub(super) fn take_words(&mut self, news: News, tools: &Tools) {
        let Line::Noxs(channel) = &mut self.line else { return };
        if news.report
            && let Some(said) = channel.said()
        {
            self.status.send_if_modified(|status| status.says(said));
        }
        if news.log {
            let (before, began) = (self.book.counts(), storm::used());
            channel.take_records(&self.book, tools.now);
            self.effort.of_log(before, self.book.counts());
            self.effort.errand += storm::since(began);
        }
    }

    /// Tells the guest that the rings of `devices` have news.
    pub(super) fn ring(&mut self, devices: u32, tools: &Tools) {
        match &mut self.line {
            Line::Plain { .. } | Line::Facade(_) => {
                bits(devices).for_each(|slot| self.notify(Role::Device(slot), tools))
            }
            Line::Noxs(channel) => {
                channel.ring(devices);
                if channel.flush() {
                    self.notify(Role::Line, tools);
                }
            }
        }
    }

    /// Connects the device in `slot` if its front end has come, and disconnects it if
    /// that has gone. Who waits for that is told later ([`Guest::tell_connected`]).
    pub(super) fn meet(&mut self, slot: u8, tools: &mut Tools) {
        let Some(place) = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut) else {
            return;
        };
        let features = match &self.line {
            Line::Plain { .. } => Some(0),
            // The console is there from the start, for whoever prints.
            _ if slot == CONSOLE => Some(0),
            Line::Noxs(channel) => channel.taken(slot),
            // The others come by events.
            Line::Facade(_) => return,
        };
        match (features, place.is_connected()) {
            (Some(features), false) if place.fault().is_none() => {
                self.effort.connections += 1;
                let front = front(&place.plug, features, self.domain, tools);
                let met = front.and_then(|front| place.connect(self.domain, front, tools));
                if let Err(fault) = met {
                    place.fail(self.domain, fault, tools);
                }
            }
            (None, true) => {
                self.effort.connections += 1;
                place.disconnect(self.domain, tools);
            }
            _ => {}
        }
    }
}

/// Maps the rings of a device whose frames the host chose.
fn front(
    plug: &Plug,
    features: u16,
    domain: lightvm::xen::DomId,
    tools: &Tools,
) -> Result<Front, Fault> {
    let map = |frames: &[u64]| -> Result<Pages, Fault> {
        let mapped = tools.xen.map(domain, frames);
        Ok(Box::new(mapped.map_err(|e: XenError| Fault::Memory(e.to_string()))?))
    };
    Ok(match (&plug.spec, plug.rings.as_slice()) {
        (DeviceSpec::Console(_), [page]) => Front::Console { page: map(&[*page])? },
        (DeviceSpec::Net(_), [tx, rx]) => {
            Front::Net { tx: map(&[*tx])?, rx: map(&[*rx])?, features }
        }
        (DeviceSpec::Block { .. }, ring) => {
            let abi = crate::block::Abi::X86_64;
            Front::Block { ring: map(ring)?, abi, persistent: false }
        }
        _ => return Err(Fault::Host("the device has no rings".into())),
    })
}

impl Status {
    /// Takes over what the guest says; false when it is nothing new.
    fn says(&mut self, said: crate::channel::Said) -> bool {
        let crate::channel::Said { report, code, addresses, acknowledged } = said;
        let new = Status { report, code, addresses, acknowledged, ..self.clone() };
        let changed = new != *self;
        *self = new;
        changed
    }

    /// Takes over how a device is; false when it is nothing new.
    pub(super) fn tell(&mut self, slot: u8, connected: bool, fault: Option<Fault>) -> bool {
        let bit = 1u32.checked_shl(u32::from(slot)).unwrap_or(0);
        let new = if connected { self.connected | bit } else { self.connected & !bit };
        let known = self.faults.iter().find(|(of, _)| *of == slot).map(|(_, fault)| fault);
        if new == self.connected && known == fault.as_ref() {
            return false;
        }
        self.connected = new;
        self.faults.retain(|(of, _)| *of != slot);
        self.faults.extend(fault.map(|fault| (slot, fault)));
        true
    }
}
