//! The host's verbs.

use core::sync::atomic::Ordering;

use super::Header;
use crate::control::{self, Acknowledged, Report, Request};
use crate::device::{Device, Slot, State};
use crate::doorbell::{Bell, Rung, TO_GUEST_LOG_ROOM, TO_GUEST_REQUEST, TO_GUEST_TABLE};
use crate::identity::{self, Name, Overflow, UserData};
use crate::layout::{
    CONTROL_REQUEST, CONTROL_SEQUENCE, HEADER_GENERATION, IN_USE, LOG_DROPPED, PAGE_SIZE,
    SLOT_GUEST_FEATURES, SLOT_SIZE, SLOT_STATE,
};
use crate::log::{MAX_TEXT, Reader, Record};
use crate::{Lie, SharedMemory};

/// A guest's page in the hands of the host.
///
/// What the host wrote it does not read back to act on: the guest can overwrite the whole
/// page. What only the guest writes is read once per call, and checked.
///
/// What is to be told to the guest is collected until [`HostPage::flush`].
#[derive(Debug)]
pub struct HostPage<M> {
    memory: M,
    generation: u32,
    sequence: u32,
    log: Reader,
    pending: Rung,
}

impl<M: SharedMemory> HostPage<M> {
    /// Makes a page for a guest that is not running yet. What the memory held is lost.
    ///
    /// # Panics
    /// When the memory is smaller than a page; so does [`HostPage::adopt`].
    pub fn create(memory: M, header: &Header) -> HostPage<M> {
        memory.write(0, &[0; PAGE_SIZE]);
        HostPage::adopt(memory, header)
    }

    /// Takes over the page of a running guest from a host that is gone, perhaps in the
    /// middle of a change. What that host knew of the guest has to be written again; what
    /// the guest rang for has to be taken for rung.
    pub fn adopt(memory: M, header: &Header) -> HostPage<M> {
        let generation = memory.load(HEADER_GENERATION, Ordering::Acquire) & !1;
        let sequence = memory.load(CONTROL_SEQUENCE, Ordering::Acquire);
        let log = Reader::attach(&memory);
        let mut page = HostPage { memory, generation, sequence, log, pending: Rung::default() };
        page.update(|memory| header.write(memory));
        page
    }

    /// The memory under the page.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Makes a change that the guest sees as a whole or not at all.
    fn update<T>(&mut self, change: impl FnOnce(&M) -> T) -> T {
        let store = |value, order| self.memory.store(HEADER_GENERATION, value, order);
        store(self.generation.wrapping_add(1), Ordering::Relaxed);
        self.memory.fence();
        let value = change(&self.memory);
        self.generation = self.generation.wrapping_add(2);
        store(self.generation, Ordering::Release);
        value
    }

    /// Says who the guest is. `user` is the first part of the user data, `overflow` where
    /// the rest is and the length of all of it.
    ///
    /// # Panics
    /// When `user` is longer than [`crate::layout::USER_INLINE`].
    pub fn set_identity(&mut self, name: Name, user: &[u8], overflow: Option<(Overflow, u32)>) {
        let len = u32::try_from(user.len()).unwrap_or(u32::MAX);
        let data = match overflow {
            Some((place, len)) => UserData { len, overflow: Some(place) },
            None => UserData { len, overflow: None },
        };
        assert!(user.len() <= data.inline_len(), "user data that does not fit into the page");
        self.update(|memory| {
            identity::write_name(memory, name);
            identity::write_user(memory, user, data);
        });
        self.pending.services |= TO_GUEST_TABLE;
    }

    /// Puts a device into a slot. The guest's field of an empty slot becomes 0.
    pub fn set_device(&mut self, slot: Slot, device: &Device) {
        let (bytes, at) = (device.to_bytes(), slot.offset());
        self.update(|memory| {
            memory.write(at, &bytes[..SLOT_GUEST_FEATURES]);
            memory.write(at + SLOT_GUEST_FEATURES + 2, &bytes[SLOT_GUEST_FEATURES + 2..]);
        });
        self.pending.services |= TO_GUEST_TABLE;
    }

    /// Asks the guest to leave a device. When [`HostPage::taken`] says it has,
    /// [`HostPage::clear_device`] follows.
    pub fn remove_device(&mut self, slot: Slot) {
        self.update(|memory| memory.write(slot.offset() + SLOT_STATE, &[State::Removing as u8]));
        self.pending.services |= TO_GUEST_TABLE;
    }

    /// Leaves a hole where a device was.
    pub fn clear_device(&mut self, slot: Slot) {
        self.update(|memory| memory.write(slot.offset(), &[0; SLOT_SIZE]));
        self.pending.services |= TO_GUEST_TABLE;
    }

    /// The features the guest has taken of a device; `None` when it does not use it.
    pub fn taken(&self, slot: Slot) -> Option<u16> {
        let mut features = [0; 2];
        self.memory.read(slot.offset() + SLOT_GUEST_FEATURES, &mut features);
        let features = u16::from_le_bytes(features);
        (features & IN_USE != 0).then_some(features & !IN_USE)
    }

    /// Asks something of the guest, instead of what was asked before; returns the
    /// request's number.
    pub fn ask(&mut self, request: Request) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.update(|memory| {
            memory.store(CONTROL_REQUEST, request as u32, Ordering::Relaxed);
            memory.store(CONTROL_SEQUENCE, sequence, Ordering::Relaxed);
        });
        self.pending.services |= TO_GUEST_REQUEST;
        sequence
    }

    /// The last request that the guest answered.
    ///
    /// # Errors
    /// [`Lie`].
    pub fn acknowledged(&self) -> Result<Acknowledged, Lie> {
        control::read_answer(&self.memory, self.sequence)
    }

    /// What the guest reports.
    ///
    /// # Errors
    /// [`Lie`].
    pub fn report(&self) -> Result<Report, Lie> {
        control::read_report(&self.memory)
    }

    /// Takes the next log record, its text into `text`.
    ///
    /// # Errors
    /// [`Lie`]; what the log held is skipped.
    pub fn next_record(&mut self, text: &mut [u8; MAX_TEXT]) -> Result<Option<Record>, Lie> {
        self.log.next(&self.memory, text)
    }

    /// Gives the guest the room of the records that were taken.
    pub fn release_log(&mut self) {
        if self.log.release(&self.memory) {
            self.pending.services |= TO_GUEST_LOG_ROOM;
        }
    }

    /// Records that found no room, as the guest counts them; it wraps.
    pub fn dropped_records(&self) -> u32 {
        self.memory.load(LOG_DROPPED, Ordering::Relaxed)
    }

    /// Takes what the guest rang for.
    pub fn take(&mut self) -> Rung {
        Bell::Host.take(&self.memory)
    }

    /// Asks to be notified. When the answer is not empty, that was rung for in the
    /// meantime and the host has to go on.
    #[must_use = "what was rung for is taken by this"]
    pub fn sleep(&mut self) -> Rung {
        Bell::Host.sleep(&self.memory)
    }

    /// The guest is to look at a device.
    pub fn ring_device(&mut self, slot: Slot) {
        self.pending.devices |= slot.bit();
    }

    /// Tells the guest all there is to tell; true when it is to be notified.
    #[must_use = "the guest may wait for a notification"]
    pub fn flush(&mut self) -> bool {
        let bits = core::mem::take(&mut self.pending);
        !bits.is_empty() && Bell::Guest.ring(&self.memory, bits)
    }
}
