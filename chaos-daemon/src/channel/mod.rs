//! The host side of one noxs guest: its page, its doorbells, its device table.

use std::net::IpAddr;

use lightvm::api::Report;
use lightvm::xen::ForeignMapping;

use crate::shard::Wish;

/// The host's end of a noxs page.
pub struct Channel {
    port: u32,
    page: ForeignMapping,
}

/// What rang.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// Devices, a bit each.
    pub devices: u32,
    /// The guest's report, or the answer to a request, has changed.
    pub report: bool,
    /// There are log records.
    pub log: bool,
}

/// What the guest says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// How far it is.
    pub report: Report,
    /// The number that came with it.
    pub code: u32,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The request it has taken note of, and its answer.
    pub acknowledged: (u32, u32),
}

impl Channel {
    /// The page of a guest whose channel's port is `port`.
    pub fn new(page: ForeignMapping, port: u32) -> Channel {
        Channel { port, page }
    }

    /// The guest's port.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Takes what rang since the last time.
    pub fn take(&mut self) -> Rung {
        let _ = &self.page;
        Rung::default()
    }

    /// Has the guest notify the host from now on. False: something rang meanwhile, and
    /// it may not notify.
    pub fn rest(&mut self) -> bool {
        true
    }

    /// Tells the guest of news in the rings of `devices`. True: it has to be notified.
    pub fn ring(&mut self, _devices: u32) -> bool {
        true
    }

    /// Which features the front end in `slot` has; `None`: nobody uses that device.
    pub fn front_features(&self, _slot: u8) -> Option<u16> {
        None
    }

    /// What the guest says about itself.
    pub fn said(&self) -> Said {
        Said::default()
    }

    /// Shows the guest a device. True: it has to be notified.
    pub fn show(&mut self, _slot: u8) -> bool {
        true
    }

    /// Asks the guest to let go of a device. True: it has to be notified.
    pub fn withdraw(&mut self, _slot: u8) -> bool {
        true
    }

    /// Takes a device from the table. True: the guest has to be notified.
    pub fn clear(&mut self, _slot: u8) -> bool {
        true
    }

    /// Asks the guest for something. True: it has to be notified.
    pub fn ask(&mut self, _wish: Wish) -> bool {
        true
    }
}
