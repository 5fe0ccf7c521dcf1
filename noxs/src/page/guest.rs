//! The guest's verbs.

use core::sync::atomic::Ordering;

use super::Header;
use super::header::consistent;
use crate::control::{self, Answer, Asked, Report, Request};
use crate::device::{Device, Slot};
use crate::doorbell::{Bell, Rung, TO_HOST_LOG, TO_HOST_REPORT};
use crate::identity::{self, Name, UserData};
use crate::layout::{
    CONTROL_REQUEST, CONTROL_SEQUENCE, IDENTITY_USER, IN_USE, PAGE_SIZE, REPORT_ACKNOWLEDGED,
    SLOT_GUEST_FEATURES, SLOT_SIZE,
};
use crate::log::{Full, Severity, Writer};
use crate::{Busy, Refusal, SharedMemory};

/// A guest's own page.
///
/// What is to be told to the host is collected until [`GuestPage::flush`].
#[derive(Debug)]
pub struct GuestPage<M> {
    memory: M,
    header: Header,
    log: Writer,
    answered: u32,
    pending: Rung,
}

impl<M: SharedMemory> GuestPage<M> {
    /// Uses the page in `memory`.
    ///
    /// # Errors
    /// [`Refusal`]: it is no page of this version.
    pub fn attach(memory: M) -> Result<GuestPage<M>, Refusal> {
        if memory.len() < PAGE_SIZE {
            return Err(Refusal::Size(u32::try_from(memory.len()).unwrap_or(u32::MAX)));
        }
        let header = consistent(&memory, Header::read).ok_or(Refusal::Busy)??;
        let log = Writer::attach(&memory);
        let answered = memory.load(REPORT_ACKNOWLEDGED, Ordering::Relaxed);
        Ok(GuestPage { memory, header, log, answered, pending: Rung::default() })
    }

    /// The memory under the page.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// What the page begins with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn read<T>(&self, read: impl FnMut(&M) -> T) -> Result<T, Busy> {
        consistent(&self.memory, read).ok_or(Busy)
    }

    /// The guest's name.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn name(&self) -> Result<Name, Busy> {
        self.read(identity::read_name)
    }

    /// How much user data there is, and where.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn user_data(&self) -> Result<UserData, Busy> {
        self.read(identity::read_user)
    }

    /// Copies the user data that is in the page; returns its length.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn read_user(&self, to: &mut [u8]) -> Result<usize, Busy> {
        self.read(|memory| {
            let len = identity::read_user(memory).inline_len().min(to.len());
            memory.read(IDENTITY_USER, &mut to[..len]);
            len
        })
    }

    /// What is in a slot; `None` when it is a hole.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn device(&self, slot: Slot) -> Result<Option<Device>, Busy> {
        let mut bytes = [0; SLOT_SIZE];
        self.read(|memory| memory.read(slot.offset(), &mut bytes))?;
        Ok(Device::from_bytes(&bytes))
    }

    /// Says that the guest uses a device, with these of its features.
    pub fn use_device(&mut self, slot: Slot, features: u16) {
        self.set_features(slot, features | IN_USE);
    }

    /// Says that the guest uses a device no more, and never touches its rings again.
    pub fn leave_device(&mut self, slot: Slot) {
        self.set_features(slot, 0);
    }

    /// Whether the guest is down as the device's user. One that is no more, and has not left,
    /// has lost the device: the host took it away.
    pub fn is_using(&self, slot: Slot) -> bool {
        let mut features = [0; 2];
        self.memory.read(slot.offset() + SLOT_GUEST_FEATURES, &mut features);
        u16::from_le_bytes(features) & IN_USE != 0
    }

    fn set_features(&mut self, slot: Slot, features: u16) {
        // Rings and grants are to be seen as they were before.
        self.memory.fence();
        self.memory.write(slot.offset() + SLOT_GUEST_FEATURES, &features.to_le_bytes());
        self.pending.devices |= slot.bit();
    }

    /// What the host asks and was not answered; `None` when there is nothing.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn asked(&self) -> Result<Option<Asked>, Busy> {
        let (sequence, code) = self.read(|memory| {
            let load = |at| memory.load(at, Ordering::Relaxed);
            (load(CONTROL_SEQUENCE), load(CONTROL_REQUEST))
        })?;
        let asked = Asked { sequence, request: Request::from_code(code) };
        Ok((sequence != self.answered).then_some(asked))
    }

    /// Answers a request.
    pub fn answer(&mut self, sequence: u32, answer: Answer) {
        self.answered = sequence;
        control::write_answer(&self.memory, sequence, answer);
        self.pending.services |= TO_HOST_REPORT;
    }

    /// Reports what the guest is doing.
    pub fn report(&mut self, report: &Report) {
        control::write_report(&self.memory, report);
        self.pending.services |= TO_HOST_REPORT;
    }

    /// Writes a log record. Text longer than [`crate::log::MAX_TEXT`] is cut.
    ///
    /// # Errors
    /// [`Full`]: it is lost, and counted.
    pub fn log(&mut self, severity: Severity, time_ns: u64, text: &[u8]) -> Result<(), Full> {
        self.pending.services |= TO_HOST_LOG;
        self.log.push(&self.memory, severity, time_ns, text)
    }

    /// Takes what the host rang for.
    pub fn take(&mut self) -> Rung {
        Bell::Guest.take(&self.memory)
    }

    /// Asks to be notified. When the answer is not empty, that was rung for in the
    /// meantime and the guest has to go on.
    #[must_use = "what was rung for is taken by this"]
    pub fn sleep(&mut self) -> Rung {
        Bell::Guest.sleep(&self.memory)
    }

    /// The host is to look at a device.
    pub fn ring_device(&mut self, slot: Slot) {
        self.pending.devices |= slot.bit();
    }

    /// Tells the host all there is to tell; true when it is to be notified.
    #[must_use = "the host may wait for a notification"]
    pub fn flush(&mut self) -> bool {
        let bits = core::mem::take(&mut self.pending);
        !bits.is_empty() && Bell::Host.ring(&self.memory, bits)
    }
}
