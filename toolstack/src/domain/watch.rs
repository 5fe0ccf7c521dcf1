//! Learning of a domain's first sign of life and of its end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::{DomainError, Loaded, Running};
use crate::xen::{DomId, EventChannels, Port, ShutdownReason, Xen, XenError};

/// How a domain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It stopped by itself and is still there.
    Shutdown(ShutdownReason),
    /// It is gone.
    Destroyed,
}

/// The first that is seen of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// It raised an event on its console channel.
    Event,
    /// It ended before it did.
    End(End),
}

/// How often domains are asked where nobody tells of their end.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// How long the event that comes with a binding may take.
const BINDING_EVENT: Duration = Duration::from_millis(20);

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

    /// Connects to a guest's console channel before the guest starts, so that its
    /// first event is seen by [`Watch::wait_sign`].
    ///
    /// # Errors
    /// [`DomainError::Xen`], [`DomainError::Wait`].
    pub fn listen(&self, guest: &Loaded) -> Result<Port, DomainError> {
        let port = guest.owner.xen.bind_interdomain(
            &self.channels,
            guest.domid(),
            guest.console_ring().port,
        )?;
        // Xen raises an event on every port it binds, in case one was lost before
        // (`evtchn_bind_interdomain` in `xen/common/event_channel.c`).
        let soon = Instant::now() + BINDING_EVENT;
        while self.next_event(guest.domid(), Some(soon))? != Some(port) && Instant::now() < soon {}
        Ok(port)
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
    /// first; `None`: the time is over.
    ///
    /// # Errors
    /// [`DomainError::Xen`], [`DomainError::Wait`].
    pub fn wait_sign(
        &self,
        guest: &Running,
        port: Port,
        timeout: Option<Duration>,
    ) -> Result<Option<Sign>, DomainError> {
        let deadline = timeout.map(|t| Instant::now() + t);
        loop {
            if self.next_event(guest.domid(), deadline)? == Some(port) {
                return Ok(Some(Sign::Event));
            }
            if let Some(end) = guest.end()? {
                let event = self.has_fired(guest.domid(), port)?;
                return Ok(Some(if event { Sign::Event } else { Sign::End(end) }));
            }
            if over(deadline) {
                return Ok(None);
            }
        }
    }

    /// Takes every pending event; true when one was of `port`. A guest that raises its
    /// event and ends at once is told of in any order.
    fn has_fired(&self, domid: DomId, port: Port) -> Result<bool, DomainError> {
        let now = Some(Instant::now());
        while let Some(fired) = self.next_event(domid, now)? {
            if fired == port {
                return Ok(true);
            }
        }
        Ok(false)
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
            if let Some(end) = guest.end()? {
                return Ok(Some(end));
            }
            if over(deadline) {
                return Ok(None);
            }
            self.next_event(guest.domid(), deadline)?;
        }
    }

    /// Takes pending events, so that the file descriptor waits for the next.
    ///
    /// # Errors
    /// Those of `/dev/xen/evtchn`.
    pub fn acknowledge(&self) -> io::Result<()> {
        while let Some(port) = self.channels.pending()? {
            self.channels.unmask(port)?;
        }
        Ok(())
    }

    /// Waits for the next event, at most until `deadline`, and takes it.
    fn next_event(
        &self,
        domid: DomId,
        deadline: Option<Instant>,
    ) -> Result<Option<Port>, DomainError> {
        let failed = |source| DomainError::Wait { domid, source };
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

/// Readable when an event came in, of a guest that is listened to or of any domain's
/// end: then call [`Watch::acknowledge`] and ask the guest for its
/// [`Running::end`]. Says nothing of ends where [`Watch::is_notified`] is false.
impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channels.as_fd()
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
