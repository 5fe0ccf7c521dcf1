//! A guest as its shard serves it.

use std::time::Instant;

use lightvm::api::Stats;
use lightvm::xen::{DomId, Port, XenError};
use tokio::sync::watch;
use uuid::Uuid;

use super::arrival::{Arrival, DeviceSpec, Plug, Started, Status};
use super::line::{CONSOLE, Line, Role};
use super::slot::Slot;
use super::storm::{Effort, Storm, WRITTEN};
use super::timers::Later;
use super::tools::Tools;
use super::{Bell, DeviceId, GuestId, Wire, storm};
use crate::block::Completion;
use crate::log::Book;

/// Places in a guest's device table.
pub(super) const SLOTS: usize = 32;

/// A guest of this shard.
pub(super) struct Guest {
    pub(super) id: GuestId,
    uuid: Uuid,
    pub(super) domain: DomId,
    pub(super) line: Line,
    started: Started,
    pub(super) book: Book,
    pub(super) slots: [Option<Box<Slot>>; SLOTS],
    pub(super) status: watch::Sender<Status>,
    /// Ports bound to the guest's.
    ports: Vec<Bound>,
    /// Devices that want a turn, a bit each.
    pub(super) rung: u32,
    /// Whether it waits for its turn.
    pub(super) queued: bool,
    /// Serving it has panicked; it is served no longer.
    pub(super) broken: bool,
    storm: Storm,
    /// What this turn was for.
    pub(super) effort: Effort,
    /// Something was handed to it since its last turn: it may call for having made room.
    delivered: bool,
    /// A turn is due then, and not before.
    held: Option<Instant>,
    /// It owes until then: what it may do again after a rest waits for that, too.
    owes: Option<Instant>,
    events: u64,
    /// How many of these have had their turn.
    served: u64,
    /// It has raised an event on its channel since its last turn.
    pub(super) raised: bool,
}

/// A local port and what it is for.
struct Bound {
    port: Port,
    role: Role,
    /// It fired and cannot fire again yet.
    masked: bool,
    /// It has not fired yet: binding a port has it fire once.
    fresh: bool,
}

/// The devices of a set of bits.
pub(super) fn bits(mut set: u32) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let slot = u8::try_from(set.trailing_zeros()).ok().filter(|&slot| slot < 32)?;
        set &= set - 1;
        Some(slot)
    })
}

impl Guest {
    /// Binds the guest's channel. The devices of a guest that was served before are served
    /// as if they had just rung.
    pub(super) fn new(id: GuestId, arrival: Arrival, tools: &mut Tools) -> Result<Guest, XenError> {
        let Arrival { uuid, domain, line, mut wire, devices, left, started, book, status } =
            arrival;
        let mut guest = Guest {
            id,
            uuid,
            domain,
            line,
            started,
            book,
            slots: [const { None }; SLOTS],
            status,
            ports: Vec::new(),
            rung: 0,
            queued: false,
            broken: false,
            storm: Storm::new(tools.now),
            effort: Effort::default(),
            delivered: false,
            held: None,
            owes: None,
            events: 0,
            served: 0,
            raised: false,
        };
        for plug in devices {
            guest.plug(plug);
        }
        for left in left {
            if let Some(Some(place)) = guest.slots.get_mut(usize::from(left.owner().slot)) {
                place.left = Some(left);
            }
        }
        for (remote, role) in guest.line.remote_ports() {
            let wire = wire.take_if(|wire| wire.remote() == remote);
            if let Some(port) = wire.and_then(Wire::into_port) {
                guest.own(port, role, tools);
            } else if let Err(e) = guest.bind(remote, role, tools) {
                guest.unbind_all(tools);
                return Err(e);
            }
        }
        guest.rung = guest.line.rung_at_first();
        if guest.started.is_told() {
            // It may sleep for an event that a daemon, killed, did not get to raise.
            guest.ports.iter().for_each(|bound| tools.notify(bound.port));
        }
        Ok(guest)
    }

    /// Puts a device in its place.
    pub(super) fn plug(&mut self, plug: Plug) {
        let (slot, id) = (plug.slot, DeviceId { guest: self.id, slot: plug.slot });
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            *place = Some(Box::new(Slot::new(id, self.uuid, plug)));
        }
    }

    /// Connects to port `remote` of the guest.
    pub(super) fn bind(
        &mut self,
        remote: u32,
        role: Role,
        tools: &mut Tools,
    ) -> Result<(), XenError> {
        let port = tools.xen.bind_interdomain(&tools.channels, self.domain, remote)?;
        self.own(port, role, tools);
        Ok(())
    }

    /// Takes a port that is bound.
    fn own(&mut self, port: Port, role: Role, tools: &mut Tools) {
        tools.owners.insert(port, self.id);
        self.ports.push(Bound { port, role, masked: false, fresh: true });
    }

    /// Lets go of the port of one role.
    pub(super) fn unbind(&mut self, role: Role, tools: &mut Tools) {
        for bound in self.ports.extract_if(.., |bound| bound.role == role) {
            tools.owners.remove(&bound.port);
            let _ = tools.channels.unbind(bound.port);
        }
    }

    pub(super) fn unbind_all(&mut self, tools: &mut Tools) {
        for bound in self.ports.drain(..) {
            tools.owners.remove(&bound.port);
            let _ = tools.channels.unbind(bound.port);
        }
    }

    /// Takes note of an event. The first of a port is that of binding it, as long as the guest
    /// cannot have run; later the two may be one, and it is taken for the guest's.
    pub(super) fn fired(&mut self, port: Port) {
        if let Some(bound) = self.ports.iter_mut().find(|bound| bound.port == port) {
            bound.masked = true;
            if std::mem::take(&mut bound.fresh) && !self.started.is_told() {
                return;
            }
            match bound.role {
                Role::Line => self.raised = true,
                Role::Device(slot) => self.rung |= 1 << slot,
            }
        }
        self.events += 1;
        if self.events == 1 {
            self.status.send_modify(|status| status.alive = true);
        }
    }

    /// Gives every device that rang its turn. Answers whether the guest wants another.
    pub(super) fn turn(&mut self, tools: &mut Tools) -> bool {
        let served = std::mem::replace(&mut self.served, self.events);
        let worked = std::mem::take(&mut self.delivered);
        self.effort = Effort { woken: served != self.events, worked, ..Effort::default() };
        let news = self.take_line(tools);
        self.rung |= news.devices;
        let mut bells = 0;
        // What is printed, logged and reported comes last: packets and requests need not wait for
        // whom that wakes.
        let console = self.rung & 1 << CONSOLE;
        for slot in bits(self.rung & !console).chain(bits(console)) {
            self.rung &= !(1 << slot);
            let (again, rings) = self.serve(slot, tools);
            self.rung |= u32::from(again) << slot;
            bells |= u32::from(rings) << slot;
        }
        self.ring(bells, tools);
        self.take_words(news, tools);
        let at_rest = self.rung == 0 && self.line.rest();
        let hold = self.storm.turn(tools.now, self.effort);
        self.owes = hold;
        self.unmask(at_rest, hold, tools);
        match hold {
            Some(at) if !at_rest => {
                self.wait_until(at, tools);
                false
            }
            _ => !at_rest,
        }
    }

    /// Until when it owes, if it does `now`.
    pub(super) fn owes(&self, now: Instant) -> Option<Instant> {
        self.owes.filter(|&until| until > now)
    }

    /// Has the guest's next turn come at `at`; it wants only one.
    fn wait_until(&mut self, at: Instant, tools: &mut Tools) {
        if self.held.is_none_or(|held| held <= tools.now) {
            self.held = Some(at);
            tools.timers.add(at, Later::Turn(self.id));
        }
    }

    /// Serves one device; answers whether it has more to do, and whether the guest has
    /// to look.
    fn serve(&mut self, slot: u8, tools: &mut Tools) -> (bool, bool) {
        self.meet(slot, tools);
        let Some(place) = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut) else {
            return (false, false);
        };
        let mut bell = Bell::default();
        let (was, before, began) =
            (place.is_connected(), place.stats(), (slot == CONSOLE).then(storm::used));
        let again = place.serve(self.domain, &mut bell, tools);
        let after = place.stats();
        self.effort.of_device(&before, &after);
        if let Some(began) = began.filter(|_| after.out_bytes != before.out_bytes) {
            self.effort.errand += storm::since(began) + WRITTEN;
        }
        if was && !place.is_connected() {
            self.store_fault(slot, tools);
        }
        self.tell_connected(slot);
        (again, bell.take())
    }

    /// Hands a device what the switch has for it; answers whether there is more.
    pub(super) fn deliver(&mut self, slot: u8, tools: &mut Tools) -> bool {
        let Some(place) = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut) else {
            return false;
        };
        let mut bell = Bell::default();
        let was = place.is_connected();
        let again = place.deliver(self.domain, &mut bell, tools);
        self.delivered = true;
        if was && !place.is_connected() {
            self.store_fault(slot, tools);
        }
        self.tell_connected(slot);
        self.ring(u32::from(bell.take()) << slot, tools);
        again
    }

    pub(super) fn completed(&mut self, slot: u8, completion: Completion) {
        if let Some(place) = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut) {
            place.completed(completion);
            self.rung |= 1 << slot;
        }
    }

    /// Raises an event on the port of a role.
    pub(super) fn notify(&self, role: Role, tools: &Tools) {
        if let Some(bound) = self.ports.iter().find(|bound| bound.role == role) {
            tools.notify(bound.port);
        }
    }

    /// Lets ports fire again whose devices are at rest.
    fn unmask(&mut self, at_rest: bool, hold: Option<Instant>, tools: &mut Tools) {
        for bound in self.ports.iter_mut().filter(|bound| bound.masked) {
            let done = match bound.role {
                Role::Line => at_rest,
                Role::Device(slot) => self.rung & (1 << slot) == 0,
            };
            if done {
                bound.masked = false;
                tools.unmask(self.id, bound.port, hold);
            }
        }
    }

    /// Keeps the guest's status in step with one of its devices.
    pub(super) fn tell_connected(&mut self, slot: u8) {
        let place = self.slots.get(usize::from(slot)).and_then(Option::as_ref);
        let connected = place.is_some_and(|place| place.is_connected());
        let fault = place.and_then(|place| place.fault().cloned());
        self.status.send_if_modified(|status| status.tell(slot, connected, fault));
    }

    /// Ends serving it: every device is served once more and disconnected.
    pub(super) fn leave(&mut self, tools: &mut Tools) {
        if self.storm.held() > 0 {
            let (domain, held) = (self.domain, self.storm.held());
            tracing::info!(%domain, held, "the guest rang too often and was held back");
        }
        for place in self.slots.iter_mut().flatten() {
            place.disconnect(self.domain, tools);
        }
        self.unbind_all(tools);
    }

    pub(super) fn stats(&self) -> Stats {
        let (log_records, log_dropped) = self.book.counts();
        let mut stats = Stats {
            events: self.events,
            held: self.storm.held(),
            refused: self.line.refused(),
            log_records,
            log_dropped,
            ..Stats::default()
        };
        for place in self.slots.iter().flatten() {
            match place.plug.spec {
                DeviceSpec::Console(_) => {
                    stats.console_bytes = place.stats().out_bytes;
                    stats.console_throttled = place.stats().throttled;
                }
                DeviceSpec::Net(_) => stats.nics.push(place.stats()),
                DeviceSpec::Block { .. } => stats.disks.push(place.stats()),
            }
        }
        stats
    }
}
