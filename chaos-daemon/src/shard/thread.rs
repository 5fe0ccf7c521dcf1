//! A shard's thread: waits for events and gives every guest its turn.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use crossbeam::channel::Receiver;
use lightvm::xen::{EventChannels, Xen};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;

use super::{Command, ShardError};
use crate::block::{Engine, EngineOptions};
use crate::switch::{Fabric, Seed};

/// What a shard waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Source {
    Commands,
    Channels,
    Fabric,
    Engine,
}

impl Source {
    const ALL: [Source; 4] = [Source::Commands, Source::Channels, Source::Fabric, Source::Engine];

    fn of(event: EpollEvent) -> Option<Source> {
        Source::ALL.into_iter().find(|&source| source as u64 == event.data())
    }
}

/// A shard at work.
pub(super) struct Loop {
    #[expect(dead_code, reason = "guests come with the next change")]
    xen: Arc<Xen>,
    poll: Epoll,
    channels: EventChannels,
    fabric: Fabric,
    engine: Engine,
    inbox: Receiver<Command>,
    wake: Arc<EventFd>,
    stopped: bool,
}

impl Loop {
    pub(super) fn new(
        xen: Arc<Xen>,
        seed: Seed,
        inbox: Receiver<Command>,
        wake: Arc<EventFd>,
    ) -> Result<Loop, ShardError> {
        let poll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(std::io::Error::from)?;
        let channels = xen.event_channels()?;
        let (fabric, engine) = (Fabric::new(seed)?, Engine::new(EngineOptions::default())?);
        let add = |fd, source| {
            poll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, source as u64))
                .map_err(std::io::Error::from)
        };
        add(wake.as_fd(), Source::Commands)?;
        add(channels.as_fd(), Source::Channels)?;
        add(fabric.as_fd(), Source::Fabric)?;
        add(engine.as_fd(), Source::Engine)?;
        Ok(Loop { xen, poll, channels, fabric, engine, inbox, wake, stopped: false })
    }

    /// Serves until it is told to stop.
    pub(super) fn run(&mut self) {
        while !self.stopped {
            let now = self.wait();
            self.fabric.turn(now);
            self.engine.submit_all();
        }
    }

    fn wait(&mut self) -> Instant {
        let mut events = [EpollEvent::empty(); Source::ALL.len()];
        let ready = match self.poll.wait(&mut events, EpollTimeout::NONE) {
            Ok(n) => n,
            Err(Errno::EINTR) => 0,
            // Not one of its other errors can happen to a descriptor that we own.
            Err(e) => unreachable!("epoll_wait: {e}"),
        };
        let now = Instant::now();
        for source in events[..ready].iter().filter_map(|&event| Source::of(event)) {
            self.take(source);
        }
        now
    }

    fn take(&mut self, source: Source) {
        match source {
            Source::Commands => {
                let _ = self.wake.read();
                while let Ok(command) = self.inbox.try_recv() {
                    self.carry_out(command);
                }
            }
            Source::Channels => while let Ok(Some(_port)) = self.channels.pending() {},
            Source::Fabric => {}
            Source::Engine => while self.engine.completion().is_some() {},
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Network(update) => self.fabric.apply(update),
            Command::Stop => self.stopped = true,
        }
    }
}
