//! A guest's channel: made before the guest starts, or taken over from a daemon that
//! is gone.

use lightvm::build::{self, Control};
use lightvm::config::ControlMode;
use lightvm::registry::Record;
use lightvm::xen::{ForeignMapping, Xen};

use super::{GuestError, Records};
use crate::channel::{self, Opening};
use crate::facade::{self, Facade};
use crate::shard::{Line, Pages, Plug, StoreLine};

/// What the toolstack builds for a guest of this kind.
pub(crate) fn built_as(control: ControlMode) -> Control {
    match control {
        ControlMode::Noxs => Control::Noxs,
        ControlMode::Facade | ControlMode::XenStore => Control::Store,
        ControlMode::Auto | ControlMode::None => Control::None,
    }
}

/// A guest whose channel is to be made or taken over.
pub(super) struct Place<'a> {
    pub(super) xen: &'a Xen,
    pub(super) life: &'a Record,
    pub(super) plugs: &'a [Plug],
    /// Where the facade's journal is.
    pub(super) records: &'a Records,
    /// Whether an earlier daemon has served it.
    pub(super) running: bool,
    /// Its noxs page, when it is mapped already.
    pub(super) page: Option<ForeignMapping>,
}

impl Place<'_> {
    /// The channel of a guest of this kind, ready for its shard.
    pub(super) fn line(self, control: ControlMode) -> Result<Line, GuestError> {
        match (control, &self.life.channel) {
            (ControlMode::Noxs, Some(channel)) => self.noxs(channel),
            (ControlMode::Facade, Some(channel)) => self.facade(channel),
            _ => Ok(Line::Plain { port: self.life.console.port }),
        }
    }

    fn noxs(self, place: &build::Channel) -> Result<Line, GuestError> {
        let opening = Opening {
            domain: self.life.domid,
            uuid: self.life.uuid,
            name: self.life.name.as_str(),
            user_data: self.life.config.user_data(),
            plugs: self.plugs,
            running: self.running,
            page: self.page,
        };
        Ok(Line::Noxs(Box::new(channel::open(self.xen, place, opening)?)))
    }

    fn facade(&self, place: &build::Channel) -> Result<Line, GuestError> {
        let page: Pages = Box::new(self.xen.map(self.life.domid, &[place.page])?);
        let journal = self.records.journal(self.life.uuid);
        let facade = if self.running {
            Facade::adopt(page, &journal)?
        } else {
            let offers = self.plugs.iter().filter_map(|plug| plug.offer.clone()).collect();
            Facade::create(&self.guest(place), offers, page, &journal)?
        };
        Ok(Line::Facade(Box::new(StoreLine::new(facade, place.port, place.console.port))))
    }

    fn guest(&self, place: &build::Channel) -> facade::Guest {
        let config = &self.life.config;
        let page = |frame, port| facade::Page { frame, port };
        facade::Guest {
            domain: self.life.domid.0,
            uuid: self.life.uuid,
            name: self.life.name.to_string(),
            memory_kib: config.memory().bytes() / 1024,
            vcpus: config.vcpus().into(),
            max_vcpus: config.max_vcpus().into(),
            store: page(place.guest_frame, place.port),
            console: page(place.guest_frame + 1, place.console.port),
        }
    }
}
