//! What a request for a guest gets of the pool.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lightvm::api::Built;
use lightvm::config::{ControlMode, GuestConfig};
use lightvm::create::{CreateError, Images, Inspection};
use uuid::Uuid;

use super::destroy;
use super::facts::facts;
use super::stock::{Kept, Ready};
use crate::daemon::Daemon;
use crate::pool::{Answer, Level, Wanted, guest_kib, split};

/// The longest wait for memory that is on its way.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often free memory is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// What a request got. The pool builds no shells while it is held, within reason.
#[derive(Debug)]
pub struct Ticket {
    daemon: Arc<Daemon>,
    answer: Option<Answer>,
    shell: Option<Kept>,
    /// KiB promised to the guest.
    promised: u64,
}

/// Asks for a shell for the guest that `config` and its `images` describe. Without one, shells give
/// way for the memory that building it takes. Blocks on Xen and on files.
pub(crate) fn ask(daemon: &Arc<Daemon>, config: &GuestConfig, images: &Inspection) -> Ticket {
    let mut ticket = Ticket { daemon: Arc::clone(daemon), answer: None, shell: None, promised: 0 };
    // The kernel's back ends know their guests by name from the first entry on.
    if daemon.shells.options.enabled && images.control != ControlMode::XenStore {
        let known = facts(daemon.lifecycle.creator(), config, images);
        if let Some((wanted, _)) = known.and_then(|facts| split(config, &facts)) {
            ticket.take(&wanted);
        }
    }
    if ticket.shell.is_none() {
        ticket.claim(guest_kib(images.guest_type, config));
    }
    ticket
}

/// As [`ask`] where a shell with the guest's image waits: without waiting for anything. `None`: there
/// is none, and nothing was asked for.
pub(crate) fn at_hand(
    daemon: &Arc<Daemon>,
    config: &GuestConfig,
    images: &Inspection,
) -> Option<Ticket> {
    let known = facts(daemon.lifecycle.creator(), config, images)?;
    let (wanted, _) = split(config, &known)?;
    if !daemon.shells.state.lock().planner.has_ready(&wanted) {
        return None;
    }
    let mut ticket = Ticket { daemon: Arc::clone(daemon), answer: None, shell: None, promised: 0 };
    ticket.take(&wanted);
    let is_ready = ticket.shell.as_ref().is_some_and(Kept::is_wired);
    is_ready.then_some(ticket)
}

impl Ticket {
    /// Takes a shell, if there is one that is sound.
    fn take(&mut self, wanted: &Wanted) {
        let (daemon, now) = (Arc::clone(&self.daemon), self.daemon.shells.now());
        let mut state = daemon.shells.state.lock();
        let mut answer = state.planner.asked(now, wanted);
        while let Answer::Take { flavour, .. } = answer {
            let shell = state.stock.newest(flavour);
            if shell.as_ref().is_some_and(|shell| shell.is_sound(&daemon.xen)) {
                self.shell = shell;
                break;
            }
            let uuid = shell.as_ref().map(Kept::uuid);
            tracing::warn!(?uuid, "a shell was found dead");
            drop(shell);
            uuid.into_iter().for_each(|uuid| daemon.records.forget(uuid));
            answer = state.planner.found_broken(now, flavour, 0, wanted);
        }
        self.answer = Some(answer);
    }

    /// Has shells give way for `kib`, and waits for them. Where all of them would not be enough
    /// nothing happens: building the guest says so.
    fn claim(&mut self, kib: u64) {
        let Ok(host) = self.daemon.xen.host() else { return };
        let shells = &self.daemon.shells;
        let mut state = shells.state.lock();
        let claimed = state.planner.claim(shells.now(), kib, host.free_memory >> 10);
        let Ok(claimed) = claimed else { return };
        self.promised = kib;
        let given_up = state.take_away(&claimed.discards);
        drop(state);
        if claimed.free_now {
            return;
        }
        destroy(&self.daemon, given_up, claimed.discards.iter().map(|discard| discard.kib).sum());
        let end = Instant::now() + PATIENCE;
        let lacks = || self.daemon.xen.host().is_ok_and(|host| host.free_memory >> 10 < kib);
        while lacks() && Instant::now() < end {
            thread::sleep(LOOK);
        }
    }

    /// The identity of its shell.
    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.shell.as_ref().map(Kept::uuid)
    }

    /// How the guest comes to be.
    pub(crate) fn built(&self) -> Built {
        match self.answer {
            Some(Answer::Take { level: Level::Loaded, .. }) => Built::Loaded,
            Some(Answer::Take { level: Level::Blank, .. }) => Built::Blank,
            Some(Answer::Build) | None => Built::Directly,
        }
    }

    /// Its shell, with the guest's image in it.
    pub(crate) fn ready(&mut self, config: &GuestConfig) -> Option<Result<Ready, CreateError>> {
        let shell = self.shell.take()?;
        Some(shell.ready(self.daemon.lifecycle.creator(), &Images::from(config)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(shell) = self.shell.take() {
            let uuid = shell.uuid();
            drop(shell);
            self.daemon.records.forget(uuid);
        }
        let mut state = self.daemon.shells.state.lock();
        self.answer.into_iter().for_each(|answer| state.planner.served(answer));
        state.planner.settle(self.promised);
        drop(state);
        self.daemon.shells.look_soon();
    }
}
