//! Doorbells: a word with a bit per device slot, one with a bit per service, and one
//! that says whether their owner wants to be notified.
//!
//! No wake-up is lost: the ringer sets its bits and then takes the sleeper's mark away;
//! the owner sets the mark and then takes the bits. Both steps of both sides are atomic
//! exchanges, so one of the two sees the other's.

use crate::SharedMemory;
use crate::layout::{BELL_ASLEEP, BELL_DEVICES, BELL_SERVICES, GUEST_BELL, HOST_BELL};
use core::sync::atomic::Ordering;

/// To the host: the guest's report changed.
pub const TO_HOST_REPORT: u32 = 1 << 0;
/// To the host: the log has records.
pub const TO_HOST_LOG: u32 = 1 << 1;
/// To the guest: there is a request.
pub const TO_GUEST_REQUEST: u32 = 1 << 0;
/// To the guest: the identity or the device table changed.
pub const TO_GUEST_TABLE: u32 = 1 << 1;
/// To the guest: the log has room again.
pub const TO_GUEST_LOG_ROOM: u32 = 1 << 2;

/// What was rung for. Bits that have no meaning are whatever the other side set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// A bit per device slot.
    pub devices: u32,
    /// A bit per service, `TO_…`.
    pub services: u32,
}

impl Rung {
    /// True when there was no reason to ring.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices == 0 && self.services == 0
    }

    /// The numbers of the rung slots.
    pub fn slots(&self) -> impl Iterator<Item = u8> + use<> {
        let devices = self.devices;
        (0..32).filter(move |slot| devices & (1 << slot) != 0)
    }
}

/// One of the two doorbells of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bell {
    /// Owned by the host.
    Host,
    /// Owned by the guest.
    Guest,
}

impl Bell {
    const fn at(self) -> usize {
        match self {
            Bell::Host => HOST_BELL,
            Bell::Guest => GUEST_BELL,
        }
    }

    /// As ringer: sets bits; true when the owner is to be notified.
    pub(crate) fn ring<M: SharedMemory>(self, memory: &M, bits: Rung) -> bool {
        if bits.devices != 0 {
            memory.fetch_or(self.at() + BELL_DEVICES, bits.devices);
        }
        if bits.services != 0 {
            memory.fetch_or(self.at() + BELL_SERVICES, bits.services);
        }
        memory.swap(self.at() + BELL_ASLEEP, 0) != 0
    }

    /// As owner: takes the bits.
    pub(crate) fn take<M: SharedMemory>(self, memory: &M) -> Rung {
        Rung {
            devices: memory.swap(self.at() + BELL_DEVICES, 0),
            services: memory.swap(self.at() + BELL_SERVICES, 0),
        }
    }

    /// As owner: asks to be notified. What was rung before is returned, and then the
    /// owner has to stay awake.
    pub(crate) fn sleep<M: SharedMemory>(self, memory: &M) -> Rung {
        memory.swap(self.at() + BELL_ASLEEP, 1);
        let rung = self.take(memory);
        if !rung.is_empty() {
            memory.store(self.at() + BELL_ASLEEP, 0, Ordering::Release);
        }
        rung
    }
}
