//! The host side of one noxs guest: its page, its doorbells, its device table.

mod entry;
mod open;
mod records;

use std::net::IpAddr;

use lightvm::api::Report;
use lightvm::xen::ForeignMapping;
use noxs::Lie;
use noxs::control::{Request, State};
use noxs::device::Slot;
use noxs::doorbell::{Rung, TO_HOST_LOG, TO_HOST_REPORT};
use noxs::log::{MAX_TEXT, Record};
use noxs::page::HostPage;

pub use open::{Opening, open};

use crate::shard::{Plug, Wish};

/// The host's end of a noxs page.
pub struct Channel {
    port: u32,
    page: HostPage<ForeignMapping>,
    /// Rung for between the last turn and the host's sleep.
    late: Rung,
    lies: u64,
}

/// What came through a guest's page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Devices that rang, a bit each.
    pub devices: u32,
    /// The guest's report, or its answer to a request, has changed.
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
    /// The request it has answered last, and how.
    pub acknowledged: (u32, u32),
}

impl Channel {
    /// The guest's port.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Takes what rang since the last time.
    pub fn take(&mut self) -> News {
        let (late, rung) = (std::mem::take(&mut self.late), self.page.take());
        let services = late.services | rung.services;
        News {
            devices: late.devices | rung.devices,
            report: services & TO_HOST_REPORT != 0,
            log: services & TO_HOST_LOG != 0,
        }
    }

    /// Has the guest notify the host from now on. False: something rang meanwhile, and
    /// it may not notify.
    pub fn rest(&mut self) -> bool {
        self.late = self.page.sleep();
        self.late.is_empty()
    }

    /// Has the guest told, with the next [`Channel::flush`], that there is news in the
    /// rings of `devices`.
    pub fn ring(&mut self, devices: u32) {
        for slot in Slot::all().filter(|slot| devices & slot.bit() != 0) {
            self.page.ring_device(slot);
        }
    }

    /// Tells the guest all there is to tell. True: it has to be notified.
    #[must_use]
    pub fn flush(&mut self) -> bool {
        self.page.flush()
    }

    /// Which features the front end in `slot` has taken; `None`: nobody uses that device.
    pub fn taken(&self, slot: u8) -> Option<u16> {
        self.page.taken(Slot::new(slot)?)
    }

    /// What the guest says about itself. `None`: nothing that makes sense.
    pub fn said(&mut self) -> Option<Said> {
        match self.read_said() {
            Ok(said) => Some(said),
            Err(_) => {
                self.lies += 1;
                None
            }
        }
    }

    fn read_said(&self) -> Result<Said, Lie> {
        let (report, answer) = (self.page.report()?, self.page.acknowledged()?);
        let ipv4 = report.ipv4.map(|prefixed| IpAddr::from(prefixed.address));
        let ipv6 = report.ipv6.map(|prefixed| IpAddr::from(prefixed.address));
        Ok(Said {
            report: match report.state {
                State::Booting => Report::Booting,
                State::Booted => Report::Booted,
                State::Ready => Report::Ready,
                State::Stopping => Report::Stopping,
                State::Crashed => Report::Crashed,
            },
            code: report.code,
            addresses: ipv4.into_iter().chain(ipv6).collect(),
            acknowledged: (answer.sequence, answer.answer as u32),
        })
    }

    /// Takes the next log record, its text into `text`; what makes no sense is skipped
    /// and counted.
    pub fn next_record(&mut self, text: &mut [u8; MAX_TEXT]) -> Option<Record> {
        match self.page.next_record(text) {
            Ok(record) => record,
            Err(_) => {
                self.lies += 1;
                None
            }
        }
    }

    /// Gives the guest the room of the records that were taken.
    pub fn release_log(&mut self) {
        self.page.release_log();
    }

    /// Records for which the guest had no room; it wraps.
    pub fn dropped_records(&self) -> u32 {
        self.page.dropped_records()
    }

    /// How often the guest said what makes no sense.
    pub fn lies(&self) -> u64 {
        self.lies
    }

    /// Shows the guest a device.
    pub fn show(&mut self, plug: &Plug) {
        if let Some(slot) = Slot::new(plug.slot) {
            self.page.set_device(slot, &entry::device(plug));
        }
    }

    /// Asks the guest to let go of a device.
    pub fn withdraw(&mut self, slot: u8) {
        if let Some(slot) = Slot::new(slot) {
            self.page.remove_device(slot);
        }
    }

    /// Takes a device from the table.
    pub fn clear(&mut self, slot: u8) {
        if let Some(slot) = Slot::new(slot) {
            self.page.clear_device(slot);
        }
    }

    /// Asks the guest for something; answers the request's number.
    pub fn ask(&mut self, wish: Wish) -> u32 {
        self.page.ask(match wish {
            Wish::Poweroff => Request::Poweroff,
            Wish::Reboot => Request::Reboot,
            Wish::Suspend => Request::Suspend,
        })
    }
}
