//! What the guest can reach, as bare memory.

use crate::ring::Ring;
use core::fmt;
use xen_rt::grant::{Access, Grants};
use xen_rt::pages::Pages;
use xen_rt::shared::SharedPage;
use xen_rt::{BootInfo, Channel, Clock, Console, Port, bare, event};

/// Offsets in the noxs page that attacks need: docs/noxs.md.
pub(crate) const BELL_DEVICES: usize = 0x40;
pub(crate) const BELL_SERVICES: usize = 0x44;
pub(crate) const HOST_ASLEEP: usize = 0x48;
const ANSWERED: usize = 0x100;
const STATE: usize = 0x104;
const ADDRESSES_END: usize = 0x128;
/// State *stopping*: the attacks are over.
const STOPPING: u32 = 3;
const BELL_REPORT: u32 = 1;
pub(crate) const TABLE: usize = 0x400;
pub(crate) const SLOT: usize = 64;
const SLOTS: usize = 32;

/// Pages granted at most.
const PAGES: usize = 64;

const KIND_NET: u32 = 2;
const KIND_BLOCK: u32 = 3;
/// Guest's feature word of a slot and the bit that says the device is in use.
pub(crate) const GUEST_FEATURES: usize = 14;
pub(crate) const IN_USE: u16 = 1 << 15;
/// The bit that says its grants stay.
pub(crate) const GRANTS_STAY: u16 = 1 << 14;

/// The net device.
pub(crate) struct Net {
    pub(crate) slot: usize,
    pub(crate) tx: Ring,
    pub(crate) rx: Ring,
    pub(crate) mac: [u8; 6],
    pub(crate) ipv4: [u8; 4],
}

/// The block device.
pub(crate) struct Block {
    pub(crate) slot: usize,
    pub(crate) ring: Ring,
    pub(crate) sectors: u64,
}

/// Everything there is to attack.
pub(crate) struct Target {
    pub(crate) boot: BootInfo,
    pub(crate) console: Console,
    pub(crate) channel: Option<Channel>,
    /// The noxs page; for an unmodified guest's kind of life, none.
    pub(crate) page: Option<SharedPage>,
    pub(crate) net: Option<Net>,
    pub(crate) block: Option<Block>,
    pub(crate) grants: Grants,
    pub(crate) pages: Pages,
    granted: [Option<u32>; PAGES],
}

impl Target {
    /// Looks for devices; ends the guest where there is no console to report on.
    pub(crate) fn open(boot: BootInfo, pages: Pages) -> Self {
        let channel = Channel::open(boot).ok();
        let console = Console::open(boot).expect("hostile needs a console");
        let grants = match channel {
            Some(channel) => channel.grants(),
            None => Grants::open(boot, None),
        };
        let page = || channel.and_then(|_| bare::store(boot)).map(|(page, _)| page);
        let mut target = Self {
            boot,
            console,
            channel,
            page: page(),
            net: None,
            block: None,
            grants: grants.expect("hostile needs a grant table"),
            pages,
            granted: [None; PAGES],
        };
        if let Some(page) = page() {
            (0..SLOTS).for_each(|slot| target.look(&page, slot));
        }
        target
    }

    fn look(&mut self, page: &SharedPage, slot: usize) {
        let at = TABLE + slot * SLOT;
        let frame = page.load(at + 8);
        let ring = |index: u32, size, slots| {
            bare::frame(self.boot, u64::from(frame) + u64::from(index))
                .map(|page| Ring::new(page, size, slots))
        };
        match page.load(at) & 0xff {
            KIND_NET => {
                let (Some(tx), Some(rx)) = (ring(0, 12, 256), ring(1, 8, 256)) else { return };
                let (mut mac, mut ipv4) = ([0; 6], [0; 4]);
                page.read(at + 16, &mut mac);
                page.read(at + 24, &mut ipv4);
                self.net = Some(Net { slot, tx, rx, mac, ipv4 });
            }
            KIND_BLOCK => {
                let Some(ring) = ring(0, 112, 32) else { return };
                let sectors = u64::from(page.load(at + 20)) << 32 | u64::from(page.load(at + 16));
                self.block = Some(Block { slot, ring, sectors });
            }
            _ => return,
        }
        page.store_half(at + GUEST_FEATURES, IN_USE);
    }

    /// Reports that the attacks are over, for who cannot see the console any more.
    pub(crate) fn finish(&self) {
        let Some(page) = &self.page else { return };
        (ANSWERED..ADDRESSES_END).step_by(4).for_each(|at| page.store(at, 0));
        page.store(STATE, STOPPING);
        page.set_bits(BELL_SERVICES, BELL_REPORT);
        page.store(HOST_ASLEEP, 0);
        self.send();
    }

    pub(crate) fn say(&mut self, text: fmt::Arguments<'_>) {
        use fmt::Write;
        // The console takes everything or sleeps: it has no errors.
        let _ = writeln!(self.console, "{text}");
    }

    /// Rings for device slot `slot` and wakes the host, asked or not.
    pub(crate) fn kick(&self, slot: usize) {
        if let Some(page) = &self.page {
            page.set_bits(BELL_DEVICES, 1 << (slot % 32));
            page.store(HOST_ASLEEP, 0);
        }
        self.send();
    }

    /// Leaves the device in `slot` and takes it again with `features`.
    pub(crate) fn take_again(&self, slot: usize, features: u16) {
        for features in [0, IN_USE | features] {
            if let Some(page) = &self.page {
                page.store_half(TABLE + slot * SLOT + GUEST_FEATURES, features);
            }
            self.kick(slot);
            self.pause(100);
        }
    }

    /// Raises the event that wakes the host.
    pub(crate) fn send(&self) {
        if let Some(port) = self.port() {
            event::send(port);
        }
    }

    /// The port to the host.
    pub(crate) fn port(&self) -> Option<Port> {
        self.channel.map_or_else(|| Port::console(self.boot), |channel| Some(channel.port()))
    }

    /// Lets the host work for `milliseconds`.
    pub(crate) fn pause(&self, milliseconds: u64) {
        let clock = Clock::new(self.boot);
        let end = clock.now().saturating_add(milliseconds * 1_000_000);
        while clock.now() < end {
            match self.port() {
                Some(port) => event::wait_until(self.boot, port, Some(end)),
                None => return,
            }
        }
    }

    /// Grants page `index` to the host, unless it is granted already; returns the reference.
    pub(crate) fn grant(&mut self, index: usize, access: Access) -> u32 {
        let index = index % self.pages.count().min(PAGES);
        if self.granted[index].is_none() {
            let grant = self.grants.give(0, self.pages.address(index), access);
            self.granted[index] = grant.map(|grant| grant.number());
        }
        // The table has room for more than there are pages.
        self.granted[index].unwrap_or(0)
    }

    /// Puts `bytes` at the start of page `index`.
    pub(crate) fn fill(&mut self, index: usize, bytes: &[u8]) {
        // SAFETY: whatever the host reads of it meanwhile is part of the attack; it writes
        // to pages it was given for that only.
        let page = unsafe { self.pages.bytes(index, 1) };
        page[..bytes.len()].copy_from_slice(bytes);
    }
}
