//! What changes while a guest runs: devices that come and go, and what it is asked for.

use super::guest::Guest;
use super::line::{Line, Role};
use super::tools::Tools;
use super::{Plug, Wish};
use crate::channel::Channel;

impl Guest {
    /// Puts a device in its place and tells the guest.
    pub(super) fn attach(&mut self, plug: Plug, tools: &Tools) {
        let offer = plug.offer.clone();
        self.page(tools, |channel| channel.show(&plug));
        self.plug(plug);
        self.with_facade(|facade| offer.into_iter().for_each(|device| facade.add(device)));
    }

    /// Asks the guest to let go of a device.
    pub(super) fn detach(&mut self, slot: u8, tools: &Tools) {
        self.page(tools, |channel| channel.withdraw(slot));
        let key = self.store_key(slot);
        self.with_facade(|facade| key.into_iter().for_each(|key| facade.remove(key)));
    }

    /// Takes a device away.
    pub(super) fn remove(&mut self, slot: u8, tools: &mut Tools) {
        let key = self.store_key(slot);
        let place = self.slots.get_mut(usize::from(slot)).and_then(Option::take);
        if let Some(mut place) = place {
            place.disconnect(self.domain, tools);
        }
        self.page(tools, |channel| channel.clear(slot));
        self.with_facade(|facade| key.into_iter().for_each(|key| facade.remove_now(key)));
        self.tell_connected(slot);
    }

    /// Asks the guest for something.
    pub(super) fn ask(&mut self, wish: Wish, tools: &Tools) {
        self.page(tools, |channel| {
            channel.ask(wish);
        });
        self.with_facade(|facade| facade.ask(wish.into()));
    }

    /// Writes something into the guest's page and tells it.
    fn page(&mut self, tools: &Tools, write: impl FnOnce(&mut Channel)) {
        let Line::Noxs(channel) = &mut self.line else { return };
        write(channel);
        if channel.flush() {
            self.notify(Role::Line, tools);
        }
    }
}
