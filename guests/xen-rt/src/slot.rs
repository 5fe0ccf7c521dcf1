//! A device of the noxs page's table, with its ring frames in reach.

use crate::bare;
use crate::channel::Channel;
use crate::paging::PAGE_SIZE;
use core::ptr::NonNull;
use noxs::device::{Config, Device, Slot, State};
use noxs::{Busy, RawShared};

/// How a device that was taken into use stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The host serves it.
    Served,
    /// The host wants it back: it is to be closed.
    Removing,
    /// The host has let go of it, and of all that was granted for it. What is in its place
    /// now is another device.
    Gone,
}

/// A device and its place.
pub(crate) struct Place {
    channel: Channel,
    slot: Slot,
    pub(crate) device: Device,
}

impl Place {
    /// The first present device that is not in use yet and whose configuration `wanted` takes,
    /// with what it takes of it.
    pub(crate) fn find<T>(
        channel: Channel,
        wanted: impl Fn(&Config) -> Option<T>,
    ) -> Option<(Self, T)> {
        Slot::all().find_map(|slot| {
            let device = channel.device(slot).ok().flatten();
            let device = device.filter(|device| device.state == State::Present)?;
            if channel.is_using(slot) {
                return None;
            }
            let config = wanted(&device.config)?;
            Some((Self { channel, slot, device }, config))
        })
    }

    /// How the device stands.
    pub(crate) fn standing(&self) -> Standing {
        match self.channel.device(self.slot) {
            // Whatever is being written, the host tells when it is there.
            Err(Busy) => Standing::Served,
            Ok(Some(device)) if device.state == State::Removing => Standing::Removing,
            Ok(Some(_)) if self.channel.is_using(self.slot) => Standing::Served,
            Ok(_) => Standing::Gone,
        }
    }

    /// Ring frame `index`.
    pub(crate) fn frame(&self, index: u8) -> Option<RawShared> {
        (index < self.device.frames).then_some(())?;
        self.memory(index, 1)
    }

    /// All ring frames, which follow one another.
    pub(crate) fn frames(&self) -> Option<RawShared> {
        self.memory(0, self.device.frames)
    }

    fn memory(&self, index: u8, count: u8) -> Option<RawShared> {
        let first = u64::from(self.device.first_frame) + u64::from(index);
        let mut base = None;
        for frame in (0..u64::from(count)).rev() {
            base = Some(bare::frame(self.channel.boot(), first + frame)?);
        }
        let base = core::ptr::with_exposed_provenance_mut(base?.address());
        // SAFETY: the toolstack set these frames aside for the ring; they were mapped for good
        // just now, one behind the other, and hold nothing else.
        Some(unsafe { RawShared::new(NonNull::new(base)?, usize::from(count) * PAGE_SIZE) })
    }

    /// Says that the guest uses the device, and which features it takes.
    pub(crate) fn take_into_use(&self, features: u16) {
        self.channel.use_device(self.slot, features);
    }

    /// Says that the guest uses the device no more.
    pub(crate) fn give_up(&self) {
        self.channel.leave_device(self.slot);
    }

    /// Tells the host that there is work.
    pub(crate) fn ring(&self) {
        self.channel.ring(self.slot);
    }
}
