//! The user's side of a guest's console.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use lightvm::console::Console;
use lightvm::domain::Running;
use lightvm::xen::DomainState;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Far more than an emulated Linux on a busy machine needs; only a hang gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How often the guest is asked whether it still lives while it says nothing.
const LOOK_EVERY: u16 = 200;

pub(crate) struct Terminal<'a> {
    guest: &'a Running,
    console: Console,
    text: String,
}

impl<'a> Terminal<'a> {
    pub(crate) fn attach(guest: &'a Running) -> Self {
        let console = guest.console().expect("a console");
        Terminal { guest, console, text: String::new() }
    }

    /// Everything seen so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes what the guest says until `is_enough`; panics when it ends or keeps silent.
    pub(crate) fn read_until(&mut self, what: &str, is_enough: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.take();
            if is_enough(&self.text) {
                return;
            }
            let state = self.guest.info().expect("a living guest").state;
            let ended = matches!(state, DomainState::Dying | DomainState::Shutdown(_));
            if ended {
                self.take();
                if is_enough(&self.text) {
                    return;
                }
            }
            assert!(!ended, "{state:?} before {what}; it said:\n{}", self.text);
            assert!(Instant::now() < deadline, "no {what} in time; it said:\n{}", self.text);
            self.wait();
        }
    }

    /// Types `line` and the return key.
    pub(crate) fn enter(&mut self, line: &str) {
        let line = format!("{line}\n");
        let (mut rest, deadline) = (line.as_bytes(), Instant::now() + PATIENCE);
        while !rest.is_empty() {
            assert!(Instant::now() < deadline, "the guest takes no input");
            let taken = self.console.write(rest).expect("console input");
            rest = &rest[taken..];
            if taken == 0 {
                self.take();
                self.wait();
            }
        }
    }

    fn take(&mut self) {
        self.console.acknowledge().expect("console events");
        let mut chunk = [0; 4096];
        loop {
            match self.console.read(&mut chunk).expect("console output") {
                0 => return,
                n => self.text.push_str(&String::from_utf8_lossy(&chunk[..n]).replace('\r', "")),
            }
        }
    }

    fn wait(&self) {
        let mut fds = [PollFd::new(self.console.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(LOOK_EVERY)).expect("poll");
    }
}
