//! Learning of a domain's first sign of life and of its end.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::{DomainError, Running};
use crate::xen::{DomainState, EventChannels, Port, ShutdownReason, Xen, XenError};

/// How a domain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It stopped by itself and is still there.
    Shutdown(ShutdownReason),
    /// It is gone.
    Destroyed,
}

/// How often domains are asked where nobody tells of their end.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// Waits for domains. A host has one `VIRQ_DOM_EXC`: where xenstored or another
/// watch has it, this one asks Xen every 5 ms instead.
#[derive(Debug)]
pub struct Watch {
    channels: EventChannels,
    exception: Option<Port>,
}

impl Watch {
    /// Opens a watch.
    ///
    /// # Errors
    /// [`XenError`] when `/dev/xen/evtchn` cannot be opened.
    pub fn new(xen: &Arc<Xen>) -> Result<Watch, XenError> {
        let channels = xen.event_channels()?;
        let exception = match xen.bind_domain_exception(&channels) {
            Ok(port) => Some(port),
            Err(e) if e.errno() == Some(Errno::EEXIST) => None,
            Err(e) => return Err(e),
        };
        Ok(Watch { channels, exception })
    }

    /// True when Xen tells of ends by itself, false when it has to be asked.
    pub fn is_notified(&self) -> bool {
        self.exception.is_some()
    }

    /// Connects to a guest's console channel, so that its first event is seen by
    /// [`Watch::wait_sign`].
    ///
    /// # Errors
    /// [`XenError`], `EINVAL` when somebody else is connected.
    pub fn listen(&self, guest: &Running) -> Result<Port, XenError> {
        let ring = guest.console_ring();
        guest.xen().bind_interdomain(&self.channels, guest.domid(), ring.port)
    }

    /// Disconnects from a guest.
    ///
    /// # Errors
    /// [`DomainError::Wait`].
    pub fn ignore(&self, guest: &Running, port: Port) -> Result<(), DomainError> {
        self.channels
            .unbind(port)
            .map_err(|e| DomainError::Wait { domid: guest.domid(), source: e.into() })
    }

    /// Waits for the guest's first event on `port` or for its end, whichever comes
    /// first. `Ok(None)`: the time is over; `Ok(Some(None))`: an event came.
    ///
    /// # Errors
    /// [`DomainError::Xen`], [`DomainError::Wait`].
    pub fn wait_sign(
        &self,
        guest: &Running,
        port: Port,
        timeout: Option<Duration>,
    ) -> Result<Option<Option<End>>, DomainError> {
        let deadline = timeout.map(|t| Instant::now() + t);
        loop {
            // A bound channel fires once by itself; what counts is the ring, or
            // an event after that one.
            if self.next_event(guest, deadline)? == Some(port) {
                return Ok(Some(None));
            }
            if let Some(end) = end_of(guest)? {
                return Ok(Some(Some(end)));
            }
            if over(deadline) {
                return Ok(None);
            }
        }
    }

    /// Waits until `guest` has stopped by itself or is gone; `None`: the time is over.
    ///
    /// # Errors
    /// [`DomainError::Xen`], [`DomainError::Wait`].
    pub fn wait_end(
        &self,
        guest: &Running,
        timeout: Option<Duration>,
    ) -> Result<Option<End>, DomainError> {
        let deadline = timeout.map(|t| Instant::now() + t);
        loop {
            if let Some(end) = end_of(guest)? {
                return Ok(Some(end));
            }
            if over(deadline) {
                return Ok(None);
            }
            self.next_event(guest, deadline)?;
        }
    }

    /// Waits for the next event, at most until `deadline`, and takes it.
    fn next_event(
        &self,
        guest: &Running,
        deadline: Option<Instant>,
    ) -> Result<Option<Port>, DomainError> {
        let failed = |source| DomainError::Wait { domid: guest.domid(), source };
        let mut fds = [PollFd::new(self.channels.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, self.patience(deadline)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(failed(e.into())),
        }
        let port = self.channels.pending().map_err(failed)?;
        if let Some(port) = port {
            self.channels.unmask(port).map_err(failed)?;
        }
        Ok(port)
    }

    fn patience(&self, deadline: Option<Instant>) -> PollTimeout {
        let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        let ask = self.exception.is_none().then_some(ASK_EVERY);
        match (left, ask) {
            (Some(a), Some(b)) => rounded_up(a.min(b)),
            (Some(t), None) | (None, Some(t)) => rounded_up(t),
            (None, None) => PollTimeout::NONE,
        }
    }
}

/// `poll` counts milliseconds; a shorter rest must not become a busy loop.
fn rounded_up(time: Duration) -> PollTimeout {
    let ms = time.as_micros().div_ceil(1000);
    PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
}

fn over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|d| Instant::now() >= d)
}

fn end_of(guest: &Running) -> Result<Option<End>, DomainError> {
    match guest.info() {
        Ok(info) => Ok(match info.state {
            DomainState::Shutdown(reason) => Some(End::Shutdown(reason)),
            DomainState::Dying => Some(End::Destroyed),
            _ => None,
        }),
        Err(DomainError::Vanished { .. }) => Ok(Some(End::Destroyed)),
        Err(e) => Err(e),
    }
}
