//! What changes while a guest runs: devices that come and go, and what it is asked for.

use lightvm::xen::XenError;

use super::guest::Guest;
use super::line::{Line, Role};
use super::tools::Tools;
use super::{DeviceSpec, Plug, Wish};
use crate::channel::Channel;

impl Guest {
    /// Puts a device in its place and tells the guest.
    pub(super) fn attach(&mut self, plug: Plug, tools: &Tools) {
        if let Err(e) = self.renew_rings(&plug, tools) {
            let (domain, slot) = (self.domain, plug.slot);
            tracing::warn!(%domain, slot, "the rings of a new device are as they were: {e}");
        }
        let offer = plug.offer.clone();
        self.page(tools, |channel| channel.show(&plug));
        self.plug(plug);
        self.with_facade(|facade| offer.into_iter().for_each(|device| facade.add(device)));
    }

    /// Makes the rings of a device such as nobody has used: another device may have.
    fn renew_rings(&self, plug: &Plug, tools: &Tools) -> Result<(), XenError> {
        let separate = match plug.spec {
            DeviceSpec::Net(_) => plug.rings.len(),
            DeviceSpec::Console(_) | DeviceSpec::Block { .. } => 1,
        };
        for frame in plug.rings.iter().take(separate) {
            tools.xen.map(self.domain, &[*frame])?.write(0, &noxs::ring::FRESH);
        }
        Ok(())
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
            place.forget();
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
