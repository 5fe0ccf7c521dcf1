//! A shard's thread: waits for events and gives every guest its turn.

use std::collections::{HashMap, VecDeque};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crossbeam::channel::Receiver;
use lightvm::xen::{EventChannels, Port, Xen};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;

use super::guest::Guest;
use super::guests::Guests;
use super::timers::{Later, Timers};
use super::tools::Tools;
use super::{Arrival, Command, DeviceId, GuestId, ShardError, redo};
use crate::block::{Engine, EngineOptions};
use crate::switch::{Fabric, Seed};

/// Descriptors with news that one wait names: others come with the next.
const NEWS_AT_ONCE: usize = 32;

/// What a shard waits for, beside what its switch has it wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Source {
    Commands,
    Channels,
    Engine,
}

impl Source {
    const ALL: [Source; 3] = [Source::Commands, Source::Channels, Source::Engine];

    fn of(event: EpollEvent) -> Option<Source> {
        Source::ALL.into_iter().find(|&source| source as u64 == event.data())
    }
}

/// What a shard takes from others.
pub(super) struct Inlets {
    pub(super) channels: Arc<EventChannels>,
    pub(super) inbox: Receiver<Command>,
    /// Guests that have their ports bound and come without a knock.
    pub(super) door: Receiver<Arrival>,
    /// Raised for commands.
    pub(super) wake: Arc<EventFd>,
}

/// A shard at work.
pub(super) struct Loop {
    poll: Arc<Epoll>,
    pub(super) tools: Tools,
    pub(super) guests: Guests,
    /// Guests that wait for their turn.
    queue: VecDeque<GuestId>,
    /// Devices for which the switch has more than one turn may bring.
    undelivered: VecDeque<DeviceId>,
    /// Ports that fired, empty between calls.
    fired: Vec<Port>,
    inbox: Receiver<Command>,
    pub(super) door: Receiver<Arrival>,
    wake: Arc<EventFd>,
    pub(super) stopped: bool,
}

impl Loop {
    pub(super) fn new(
        xen: Arc<Xen>,
        seed: Seed,
        redo: &Path,
        inlets: Inlets,
    ) -> Result<Loop, ShardError> {
        let Inlets { channels, inbox, door, wake } = inlets;
        let poll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(std::io::Error::from)?;
        let poll = Arc::new(poll);
        let tools = Tools {
            channels,
            owners: HashMap::new(),
            unmasked: Vec::new(),
            grants: xen.grants()?,
            xen,
            fabric: Fabric::new(seed, Arc::clone(&poll))?,
            engine: Engine::new(EngineOptions::default())?,
            redo: redo::create(redo)?,
            timers: Timers::default(),
            now: Instant::now(),
        };
        let add = |fd, source| {
            poll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, source as u64))
                .map_err(std::io::Error::from)
        };
        add(wake.as_fd(), Source::Commands)?;
        add(tools.channels.as_fd(), Source::Channels)?;
        add(tools.engine.as_fd(), Source::Engine)?;
        Ok(Loop {
            poll,
            tools,
            guests: Guests::default(),
            queue: VecDeque::new(),
            undelivered: VecDeque::new(),
            fired: Vec::new(),
            inbox,
            door,
            wake,
            stopped: false,
        })
    }

    /// Serves until it is told to stop.
    pub(super) fn run(&mut self) {
        while !self.stopped {
            self.wait();
            self.timers();
            self.turns();
            self.give_way();
            self.tools.unmask_all();
            self.deliveries();
            self.tools.engine.submit_all();
        }
    }

    /// Lets whoever on the host waits for a lone packet have it before this shard, which has
    /// nothing else to do, gets ready to sleep.
    fn give_way(&mut self) {
        if self.tools.fabric.take_sent_up() == 1 && self.queue.is_empty() {
            std::thread::yield_now();
        }
    }

    fn wait(&mut self) {
        let mut events = [EpollEvent::empty(); NEWS_AT_ONCE];
        let ready = match self.poll.wait(&mut events, self.patience()) {
            Ok(n) => n,
            Err(Errno::EINTR) => 0,
            // None of its other errors can happen to a descriptor that we own.
            Err(e) => unreachable!("epoll_wait: {e}"),
        };
        self.tools.now = Instant::now();
        self.tools.fabric.begin_round();
        for &event in &events[..ready] {
            match Source::of(event) {
                Some(source) => self.take(source),
                None => self.switch(event),
            }
        }
    }

    /// How long to wait at most.
    fn patience(&self) -> EpollTimeout {
        if !self.queue.is_empty() || !self.undelivered.is_empty() {
            return EpollTimeout::ZERO;
        }
        let Some(next) = self.tools.timers.next() else { return EpollTimeout::NONE };
        let left = next.saturating_duration_since(Instant::now());
        // Milliseconds, and a shorter rest must not become a busy loop.
        let ms = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        EpollTimeout::try_from(ms).unwrap_or(EpollTimeout::MAX)
    }

    fn take(&mut self, source: Source) {
        match source {
            Source::Commands => {
                let _ = self.wake.read();
                while let Ok(command) = self.inbox.try_recv() {
                    // It may be about one of them.
                    self.welcome();
                    self.carry_out(command);
                }
            }
            Source::Channels => self.take_events(),
            Source::Engine => self.take_completions(),
        }
    }

    /// Takes one read's worth of events: what is left keeps the descriptor readable, and
    /// guests get their turns in between.
    pub(super) fn take_events(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        // It fails when a guest's port has become unusable; epoll tells the rest.
        let _ = self.tools.channels.pending_all(&mut fired);
        if fired.iter().any(|port| !self.tools.owners.contains_key(port)) {
            // A guest was handed over before it started, so before it called.
            self.welcome();
        }
        fired.drain(..).for_each(|port| self.take_event(port));
        self.fired = fired;
    }

    fn take_event(&mut self, port: Port) {
        match self.tools.owners.get(&port).copied() {
            Some(id) => {
                self.attend(id, |guest, _| guest.fired(port));
                self.enqueue(id);
            }
            // Of a guest that has left; nobody else will unmask it.
            None => self.tools.unmasked.push(port),
        }
    }

    fn take_completions(&mut self) {
        while let Some(completion) = self.tools.engine.completion() {
            let DeviceId { guest: id, slot } = completion.token.device;
            self.attend(id, |guest, _| guest.completed(slot, completion));
            self.enqueue(id);
        }
    }

    /// Has a guest wait for its turn.
    pub(super) fn enqueue(&mut self, id: GuestId) {
        if let Some(guest) = self.guests.get(id)
            && !std::mem::replace(&mut guest.queued, true)
        {
            self.queue.push_back(id);
        }
    }

    fn timers(&mut self) {
        while let Some(later) = self.tools.timers.due(self.tools.now) {
            match later {
                Later::Unmask(id, port) => {
                    // Its number may be another guest's by now.
                    if self.tools.owners.get(&port) == Some(&id) {
                        self.tools.unmasked.push(port);
                    }
                }
                Later::Turn(id) => self.enqueue(id),
                Later::Serve(device) => self.serve_later(device),
            }
        }
    }

    /// Gives a device the turn that its rate has had it wait for, once its guest owes nothing.
    fn serve_later(&mut self, device: DeviceId) {
        let DeviceId { guest: id, slot } = device;
        let now = self.tools.now;
        if let Some(until) = self.guests.get(id).and_then(|guest| guest.owes(now)) {
            return self.tools.timers.add(until, Later::Serve(device));
        }
        self.attend(id, |guest, _| guest.rung |= 1 << slot);
        self.enqueue(id);
    }

    /// Gives one turn to every guest that waits for one.
    fn turns(&mut self) {
        for _ in 0..self.queue.len() {
            let Some(id) = self.queue.pop_front() else { return };
            let Some(guest) = self.guests.get(id) else { continue };
            guest.queued = false;
            if self.attend(id, Guest::turn) == Some(true) {
                self.enqueue(id);
            }
        }
    }

    /// Hands devices what the switch has for them.
    fn deliveries(&mut self) {
        for _ in 0..self.undelivered.len() {
            if let Some(device) = self.undelivered.pop_front() {
                self.deliver(device);
            }
        }
        while let Some(device) = self.tools.fabric.next_delivery() {
            self.deliver(device);
        }
    }

    fn deliver(&mut self, device: DeviceId) {
        let more = self.attend(device.guest, |guest, tools| guest.deliver(device.slot, tools));
        if more == Some(true) {
            self.undelivered.push_back(device);
        }
    }
}
