//! What changes while a guest runs: devices that come and go, and what it is asked for.

use super::guest::Guest;
use super::line::{Line, Role};
use super::tools::Tools;
use super::{Plug, Wish};

impl Guest {
    /// Puts a device in its place and tells the guest.
    pub(super) fn attach(&mut self, plug: Plug, tools: &Tools) {
        let (slot, offer) = (plug.slot, plug.offer.clone());
        self.plug(plug);
        let notify = match &mut self.line {
            Line::Plain { .. } => false,
            Line::Noxs(channel) => channel.show(slot),
            Line::Facade(_) => {
                self.with_facade(|facade| offer.into_iter().for_each(|device| facade.add(device)));
                false
            }
        };
        self.tell(notify, tools);
    }

    /// Asks the guest to let go of a device.
    pub(super) fn detach(&mut self, slot: u8, tools: &Tools) {
        let key = self.store_key(slot);
        let notify = match &mut self.line {
            Line::Plain { .. } => false,
            Line::Noxs(channel) => channel.withdraw(slot),
            Line::Facade(line) => {
                key.into_iter().for_each(|key| line.facade().remove(key));
                false
            }
        };
        self.tell(notify, tools);
    }

    /// Takes a device away.
    pub(super) fn remove(&mut self, slot: u8, tools: &mut Tools) {
        let key = self.store_key(slot);
        self.unbind(Role::Device(slot), tools);
        let place = self.slots.get_mut(usize::from(slot)).and_then(Option::take);
        if let Some(mut place) = place {
            place.disconnect(self.domain, tools);
        }
        let notify = match &mut self.line {
            Line::Plain { .. } => false,
            Line::Noxs(channel) => channel.clear(slot),
            Line::Facade(line) => {
                key.into_iter().for_each(|key| line.facade().remove_now(key));
                false
            }
        };
        self.tell(notify, tools);
        self.tell_connected(slot);
    }

    /// Asks the guest for something.
    pub(super) fn ask(&mut self, wish: Wish, tools: &Tools) {
        let notify = match &mut self.line {
            Line::Plain { .. } => false,
            Line::Noxs(channel) => channel.ask(wish),
            Line::Facade(line) => {
                line.facade().ask(wish.into());
                false
            }
        };
        self.tell(notify, tools);
    }

    fn tell(&self, notify: bool, tools: &Tools) {
        if notify {
            self.notify(Role::Line, tools);
        }
    }
}
