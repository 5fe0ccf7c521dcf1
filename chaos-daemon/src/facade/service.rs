//! Between the ring, the machine and the journal.

use std::path::Path;

use noxs::SharedMemory;

use super::guest::{Ask, Guest};
use super::journal::{Journal, JournalError};
use super::machine::{Event, Machine, Operation};
use super::ring::Ring;
use super::xenbus::{Device, Key};

/// Pieces of messages moved in one turn, so that no guest keeps its shard.
const BUDGET: usize = 128;

/// One guest's store connection.
#[derive(Debug)]
pub struct Facade<M> {
    ring: Ring<M>,
    machine: Machine,
    journal: Journal,
    /// Applied to the machine, not yet in the journal.
    unwritten: Vec<Operation>,
    /// For the host, not yet taken.
    events: Vec<Event>,
    /// The guest has to look at its ring.
    notify: bool,
}

/// What a turn brought.
#[derive(Debug, Default)]
pub struct Turn {
    /// Notify the guest on its store's event channel.
    pub notify: bool,
    /// There may be more to do.
    pub again: bool,
    /// What the host has to do, in order.
    pub events: Vec<Event>,
    /// The journal could not be written: the guest is served, but a daemon that
    /// follows would not know of this turn.
    pub unsafe_to_restart: Option<JournalError>,
}

impl<M: SharedMemory> Facade<M> {
    /// The facade of a guest that was just built, with its devices.
    ///
    /// # Errors
    /// When the journal cannot be made at `journal`.
    ///
    /// # Panics
    /// When `page` is no whole page.
    pub fn create(
        guest: &Guest,
        devices: Vec<Device>,
        page: M,
        journal: &Path,
    ) -> Result<Facade<M>, JournalError> {
        let mut machine = Machine::new(guest);
        for device in devices {
            machine.apply(&Operation::Add(device));
        }
        let journal = Journal::create(journal, &machine)?;
        Ok(Facade::with(Ring::new(page), machine, journal, Vec::new()))
    }

    /// The facade a daemon before this one left behind. The first turn asks to attach
    /// every device that was attached.
    ///
    /// # Errors
    /// When the journal at `journal` cannot be read or begun anew.
    ///
    /// # Panics
    /// When `page` is no whole page.
    pub fn adopt(page: M, journal: &Path) -> Result<Facade<M>, JournalError> {
        let (journal, machine) = Journal::resume(journal)?;
        let (ring, events) = (Ring::new(page), machine.resume());
        if let Some(error) = machine.broken() {
            ring.report(error);
        }
        ring.publish(machine.consumed(), machine.produced());
        let mut facade = Facade::with(ring, machine, journal, events);
        facade.notify = true;
        Ok(facade)
    }

    fn with(ring: Ring<M>, machine: Machine, journal: Journal, events: Vec<Event>) -> Facade<M> {
        Facade { ring, machine, journal, unwritten: Vec::new(), events, notify: false }
    }

    /// What is known about the guest.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// As if so many bytes had passed already.
    #[cfg(test)]
    pub(super) fn start_at(&mut self, position: u32) {
        self.machine.start_at(position);
    }

    /// Adds a device to the running guest.
    pub fn add(&mut self, device: Device) {
        self.apply(Operation::Add(device));
    }

    /// Takes a device away, with the guest's help; [`BusEvent::Removed`](super::BusEvent::Removed) says when.
    pub fn remove(&mut self, device: Key) {
        self.apply(Operation::Remove(device));
    }

    /// Takes a device away without waiting for the guest.
    pub fn remove_now(&mut self, device: Key) {
        self.apply(Operation::RemoveNow(device));
    }

    /// Answers [`BusEvent::Attach`](super::BusEvent::Attach): it is served.
    pub fn attached(&mut self, device: Key) {
        self.apply(Operation::Attached(device));
    }

    /// Answers [`BusEvent::Attach`](super::BusEvent::Attach): it cannot be served; also when it cannot any more.
    pub fn refused(&mut self, device: Key, reason: &str) {
        self.apply(Operation::Refused(device, reason.to_owned()));
    }

    /// Answers [`BusEvent::Detach`](super::BusEvent::Detach): nothing of the guest's is held.
    pub fn detached(&mut self, device: Key) {
        self.apply(Operation::Detached(device));
    }

    /// Asks the guest to end, or to suspend; [`Event::AskTaken`] says that it heard.
    pub fn ask(&mut self, ask: Ask) {
        self.apply(Operation::Ask(ask));
    }

    /// Tells the guest how many KiB of memory to use.
    pub fn set_memory(&mut self, kib: u64) {
        self.apply(Operation::SetMemory(kib));
    }

    /// Takes the guest's requests and gives it answers and events, as far as the ring
    /// and the budget allow. To be called when the guest rang, and after every other
    /// method.
    pub fn service(&mut self) -> Turn {
        let mut budget = BUDGET;
        while budget > 0 && self.step() {
            budget -= 1;
        }
        let written = self.journal.append(&self.unwritten, &self.machine);
        self.unwritten.clear();
        self.ring.publish(self.machine.consumed(), self.machine.produced());
        Turn {
            notify: std::mem::take(&mut self.notify),
            again: self.has_more(),
            events: std::mem::take(&mut self.events),
            unsafe_to_restart: written.err(),
        }
    }

    /// Whether there is anything to move that the guest will not notify us of.
    fn has_more(&self) -> bool {
        let (ring, machine) = (&self.ring, &self.machine);
        ring.wants_reconnection()
            || machine.broken().is_none()
                && (machine.wants() != Ok(0) && ring.has_requests(machine.consumed())
                    || !machine.output().is_empty() && ring.has_room(machine.produced()))
    }

    /// The guest is gone: removes the journal.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn end(self) -> Result<(), JournalError> {
        self.journal.remove()
    }

    /// Moves one piece each way; false when there was nothing to move.
    fn step(&mut self) -> bool {
        if self.ring.wants_reconnection() {
            self.reconnect();
            return true;
        }
        if self.machine.broken().is_some() {
            return false;
        }
        match self.receive().and_then(|received| Ok(self.send()? || received)) {
            Ok(moved) => moved,
            Err(error) => {
                self.apply(Operation::Broken(error));
                self.ring.report(error);
                self.notify = true;
                false
            }
        }
    }

    fn receive(&mut self) -> Result<bool, super::ConnectionError> {
        let most = self.machine.wants()?;
        let bytes = self.ring.receive(self.machine.consumed(), most)?;
        let any = !bytes.is_empty();
        if any {
            self.apply(Operation::Received(bytes));
            self.notify = true;
        }
        Ok(any)
    }

    fn send(&mut self) -> Result<bool, super::ConnectionError> {
        let sent = self.ring.fill(self.machine.produced(), self.machine.output())?;
        if sent > 0 {
            self.apply(Operation::Sent(u32::try_from(sent).unwrap_or(0)));
            self.notify = true;
        }
        Ok(sent > 0)
    }

    /// Written down at once: the page forgets the old positions here.
    fn reconnect(&mut self) {
        self.apply(Operation::Reconnected);
        let _ = self.journal.append(&self.unwritten, &self.machine);
        self.unwritten.clear();
        self.ring.reconnect();
        self.notify = true;
    }

    fn apply(&mut self, operation: Operation) {
        self.events.extend(self.machine.apply(&operation));
        self.unwritten.push(operation);
    }
}
