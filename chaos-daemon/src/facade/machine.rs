//! Everything the facade knows about a guest, as a function of what happened.
//!
//! Pure and repeatable: the same operations in the same order give the same machine.
//! That is what the journal relies on.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::guest::{self, Ask, Guest};
use super::output::Output;
use super::store::{Path, Store, WatchEvent};
use super::wire::{Assembler, PAYLOAD_MAX};
use super::xenbus::{Bus, BusEvent, Device, Effects, Key};

/// Something that happened to a guest's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// The guest sent bytes; at most as many as the machine [wants](Machine::wants).
    Received(Vec<u8>),
    /// The guest was given this many bytes of the output.
    Sent(u32),
    /// The guest asked for a fresh connection.
    Reconnected,
    /// The guest broke the ring's rules.
    Broken(ConnectionError),
    /// The host adds a device.
    Add(Device),
    /// The host takes a device away, with the guest's help.
    Remove(Key),
    /// The host takes a device away at once.
    RemoveNow(Key),
    /// The host serves a device.
    Attached(Key),
    /// The host cannot serve a device, and why.
    Refused(Key, String),
    /// The host has let go of a device.
    Detached(Key),
    /// The host asks the guest to do something.
    Ask(Ask),
    /// The host sets the memory the guest shall use, in KiB.
    SetMemory(u64),
}

/// Why a connection is dead (`XENSTORE_ERROR_*` of `public/io/xs_wire.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ConnectionError {
    /// Indexes that are further apart than the ring is long.
    #[error("the ring's indexes are more than 1024 bytes apart")]
    Indexes,
    /// A message of more than 4096 bytes.
    #[error("a message announces more than {PAYLOAD_MAX} bytes")]
    Protocol,
}

impl ConnectionError {
    /// The number the guest reads.
    pub fn code(self) -> u32 {
        match self {
            ConnectionError::Indexes => 2,
            ConnectionError::Protocol => 3,
        }
    }
}

/// What the host has to know or do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device's turn: to be answered with [`Operation::Attached`], [`Operation::Refused`] or
    /// [`Operation::Detached`] where it says so.
    Device(BusEvent),
    /// The guest has taken the request to end.
    AskTaken,
    /// The connection is dead until the guest asks for a new one.
    Broken(ConnectionError),
}

/// State of a guest's store connection, devices included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    store: Store,
    bus: Bus,
    input: Assembler,
    output: Output,
    broken: Option<ConnectionError>,
    asked: Option<Ask>,
    /// The host's two positions in the ring, free running.
    consumed: u32,
    produced: u32,
    /// Requests answered with an error.
    refused: u64,
}

impl Machine {
    /// A guest that has not said anything yet.
    pub fn new(guest: &Guest) -> Machine {
        Machine {
            store: guest::new_store(guest),
            bus: Bus::default(),
            input: Assembler::default(),
            output: Output::default(),
            broken: None,
            asked: None,
            consumed: 0,
            produced: 0,
            refused: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn start_at(&mut self, position: u32) {
        (self.consumed, self.produced) = (position, position);
    }

    /// The tree.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The devices.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Why the connection is dead, if it is.
    pub fn broken(&self) -> Option<ConnectionError> {
        self.broken
    }

    /// Bytes of the guest's requests taken so far, modulo 2³².
    pub fn consumed(&self) -> u32 {
        self.consumed
    }

    /// Bytes given to the guest so far, modulo 2³².
    pub fn produced(&self) -> u32 {
        self.produced
    }

    /// Watch events that were dropped because the guest does not take them.
    pub fn dropped_events(&self) -> u64 {
        self.output.dropped()
    }

    /// Requests that were answered with an error; a program that follows goes on counting.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many bytes it can take now; 0 while the guest does not fetch its answers.
    ///
    /// # Errors
    /// When the message that began is too long.
    pub fn wants(&self) -> Result<usize, ConnectionError> {
        if self.broken.is_some() || !self.output.has_room() {
            return Ok(0);
        }
        self.input.missing().map_err(|_| ConnectionError::Protocol)
    }

    /// What the guest is to be given next; empty when nothing.
    pub fn output(&self) -> &[u8] {
        self.output.next()
    }

    /// What a host that starts anew has to do.
    pub fn resume(&self) -> Vec<Event> {
        self.bus.resume().into_iter().map(Event::Device).collect()
    }

    /// Lets `operation` happen.
    pub fn apply(&mut self, operation: &Operation) -> Vec<Event> {
        match operation {
            Operation::Received(bytes) => return self.receive(bytes),
            Operation::Sent(bytes) => {
                self.produced = self.produced.wrapping_add(*bytes);
                self.output.advance(usize::try_from(*bytes).unwrap_or(0));
            }
            Operation::Reconnected => {
                self.disconnect();
                self.broken = None;
                (self.consumed, self.produced) = (0, 0);
            }
            Operation::Broken(error) => {
                self.disconnect();
                self.broken = Some(*error);
                return vec![Event::Broken(*error)];
            }
            Operation::Ask(ask) => {
                self.asked = Some(*ask);
                let events = guest::ask(&mut self.store, *ask);
                self.tell(events);
            }
            Operation::SetMemory(kib) => {
                let events = guest::set_memory(&mut self.store, *kib);
                self.tell(events);
            }
            device => return self.on_device(device),
        }
        Vec::new()
    }

    fn on_device(&mut self, operation: &Operation) -> Vec<Event> {
        let (bus, store) = (&mut self.bus, &mut self.store);
        let effects = match operation {
            Operation::Add(device) => bus.add(store, device.clone()),
            Operation::Remove(key) => bus.remove(store, *key),
            Operation::RemoveNow(key) => bus.remove_now(store, *key),
            Operation::Attached(key) => bus.attached(store, *key),
            Operation::Refused(key, reason) => bus.refused(store, *key, reason),
            Operation::Detached(key) => bus.detached(store, *key),
            _ => Effects::default(),
        };
        let mut events = Vec::new();
        self.settle(effects, &mut events);
        events
    }

    fn receive(&mut self, bytes: &[u8]) -> Vec<Event> {
        let len = u32::try_from(bytes.len()).unwrap_or(0);
        self.consumed = self.consumed.wrapping_add(len);
        self.input.add(bytes);
        let Some((header, payload)) = self.input.take() else { return Vec::new() };
        let done = self.store.request(&header, &payload);
        self.refused += u64::from(done.kind == super::wire::Kind::Error);
        let first = header.kind == super::wire::Kind::Watch as u32;
        if first {
            self.output.answer(done.kind, header.request, header.transaction, &done.payload);
        }
        self.tell(done.events);
        if !first {
            self.output.answer(done.kind, header.request, header.transaction, &done.payload);
        }
        let mut events = Vec::new();
        for path in &done.changed {
            self.on_change(path, &mut events);
        }
        events
    }

    /// The host's answer to what the guest changed.
    fn on_change(&mut self, path: &Path, events: &mut Vec<Event>) {
        let effects = self.bus.changed(&mut self.store, path);
        self.settle(effects, events);
        let request = guest::request_path(&self.store);
        let taken = self.store.text(&request).is_none_or(str::is_empty);
        if self.asked.is_some() && taken && request.below(path).is_some() {
            self.asked = None;
            events.push(Event::AskTaken);
        }
    }

    fn settle(&mut self, effects: Effects, events: &mut Vec<Event>) {
        self.tell(effects.watch);
        events.extend(effects.host.into_iter().map(Event::Device));
    }

    fn tell(&mut self, events: Vec<WatchEvent>) {
        for payload in events.iter().filter_map(WatchEvent::payload) {
            self.output.event(payload);
        }
    }

    fn disconnect(&mut self) {
        self.input = Assembler::default();
        self.output.clear();
        self.store.reset_connection();
    }
}
