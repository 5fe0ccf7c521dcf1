//! Running domains: a handle that names one and only one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use parking_lot::Mutex;
use thiserror::Error;
use uuid::Uuid;

use super::{End, Watch};
use crate::build::ConsoleRing;
use crate::config::GuestType;
use crate::console::Console;
use crate::xen::{DomId, DomainInfo, DomainState, ShutdownReason, Xen, XenError};

/// A domain that lives by itself. Dropping the handle leaves it alone.
///
/// Every verb first makes sure that the domain number still means the same
/// domain: numbers come round again, UUIDs do not. Xen counts through 32,752 numbers
/// before one returns (`XEN_DOMCTL_createdomain` in `xen/common/domctl.c`), which takes
/// seconds at the very least, so that an answer is good for 50 ms.
#[derive(Clone, Debug)]
pub struct Running {
    xen: Arc<Xen>,
    domid: DomId,
    uuid: Uuid,
    guest_type: GuestType,
    console: ConsoleRing,
    seen: Seen,
}

/// How long a domain number is known to mean the same domain.
const TRUST: Duration = Duration::from_millis(50);

/// When Xen last said that the number means this domain.
#[derive(Debug)]
struct Seen(Mutex<Instant>);

impl Seen {
    fn now() -> Self {
        Seen(Mutex::new(Instant::now()))
    }

    fn renew(&self) {
        *self.0.lock() = Instant::now();
    }

    fn is_stale(&self) -> bool {
        self.0.lock().elapsed() > TRUST
    }
}

impl Clone for Seen {
    fn clone(&self) -> Self {
        Seen(Mutex::new(*self.0.lock()))
    }
}

/// Why something could not be done with a domain.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DomainError {
    /// It is gone, whatever its number means now.
    #[error("the guest {uuid} (domain {domid}) no longer exists; `lvm list` shows which do")]
    Vanished {
        /// The number it had.
        domid: DomId,
        /// Its identity.
        uuid: Uuid,
    },
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// Waiting for an event failed.
    #[error("waiting for an event of domain {domid}: {source}")]
    Wait {
        /// Which domain.
        domid: DomId,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// A domain that could not be destroyed, and why. Hold on to it to try again.
pub struct DestroyError {
    /// Still there.
    pub domain: Running,
    /// Why.
    pub source: DomainError,
}

impl Running {
    pub(super) fn new(
        xen: Arc<Xen>,
        domid: DomId,
        uuid: Uuid,
        guest_type: GuestType,
        console: ConsoleRing,
    ) -> Self {
        Running { xen, domid, uuid, guest_type, console, seen: Seen::now() }
    }

    /// Takes up a domain that was built earlier, by this process or another.
    ///
    /// # Errors
    /// [`DomainError::Vanished`] when `domid` is not, or no longer, `uuid`.
    pub fn adopt(
        xen: &Arc<Xen>,
        domid: DomId,
        uuid: Uuid,
        console: ConsoleRing,
    ) -> Result<Running, DomainError> {
        let mut running = Running::new(Arc::clone(xen), domid, uuid, GuestType::Pv, console);
        if running.info()?.hvm {
            running.guest_type = GuestType::Pvh;
        }
        Ok(running)
    }

    /// The hypervisor it lives on.
    pub fn xen(&self) -> &Arc<Xen> {
        &self.xen
    }

    /// Its number.
    pub fn domid(&self) -> DomId {
        self.domid
    }

    /// Its identity.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// PVH or PV.
    pub fn guest_type(&self) -> GuestType {
        self.guest_type
    }

    /// Where its console is.
    pub fn console_ring(&self) -> ConsoleRing {
        self.console
    }

    /// What Xen knows of it.
    ///
    /// # Errors
    /// [`DomainError::Vanished`], [`DomainError::Xen`].
    pub fn info(&self) -> Result<DomainInfo, DomainError> {
        match self.xen.domain_info(self.domid) {
            Ok(info) if info.uuid == self.uuid => {
                self.seen.renew();
                Ok(info)
            }
            Ok(_) => Err(self.vanished()),
            Err(e) => Err(self.or_vanished(e)),
        }
    }

    /// How it ended, if it did: it stopped by itself and is still there, or it is gone.
    ///
    /// # Errors
    /// [`DomainError::Xen`].
    pub fn end(&self) -> Result<Option<End>, DomainError> {
        match self.info() {
            Ok(info) => Ok(match info.state {
                DomainState::Shutdown(reason) => Some(End::Shutdown(reason)),
                DomainState::Dying => Some(End::Destroyed),
                _ => None,
            }),
            Err(DomainError::Vanished { .. }) => Ok(Some(End::Destroyed)),
            Err(e) => Err(e),
        }
    }

    fn vanished(&self) -> DomainError {
        DomainError::Vanished { domid: self.domid, uuid: self.uuid }
    }

    fn or_vanished(&self, e: XenError) -> DomainError {
        if e.errno() == Some(Errno::ESRCH) { self.vanished() } else { e.into() }
    }

    /// Runs `call` on the domain if it is still the same.
    fn call<T>(
        &self,
        call: impl FnOnce(&Xen, DomId) -> Result<T, XenError>,
    ) -> Result<T, DomainError> {
        if self.seen.is_stale() {
            self.info()?;
        }
        call(&self.xen, self.domid).map_err(|e| self.or_vanished(e))
    }

    /// Holds its vCPUs. Holds count: each needs an [`Running::unpause`].
    ///
    /// # Errors
    /// [`DomainError::Vanished`], [`DomainError::Xen`].
    pub fn pause(&self) -> Result<(), DomainError> {
        self.call(Xen::pause_domain)
    }

    /// Takes one hold back.
    ///
    /// # Errors
    /// As [`Running::pause`]; `EINVAL` when it was not held.
    pub fn unpause(&self) -> Result<(), DomainError> {
        self.call(Xen::unpause_domain)
    }

    /// Ends its run as if it had stopped by itself for `reason`; the guest is not
    /// asked. The domain stays, to be destroyed or looked into.
    ///
    /// # Errors
    /// As [`Running::pause`].
    pub fn shutdown(&self, reason: ShutdownReason) -> Result<(), DomainError> {
        self.call(|xen, domid| xen.shutdown_domain(domid, reason))
    }

    /// Destroys it; its memory is back when this returns.
    ///
    /// # Errors
    /// [`DestroyError`], with the handle to try again.
    pub fn destroy(self) -> Result<(), DestroyError> {
        match self.call(Xen::destroy_domain) {
            Ok(()) => Ok(()),
            Err(source) => Err(DestroyError { domain: self, source }),
        }
    }

    /// Attaches to its console.
    ///
    /// # Errors
    /// [`DomainError::Vanished`]; [`DomainError::Xen`], with `EINVAL` when somebody
    /// else is attached.
    pub fn console(&self) -> Result<Console, DomainError> {
        self.info()?;
        Console::attach(&self.xen, self.domid, self.console).map_err(|e| self.or_vanished(e))
    }

    /// Waits until it has stopped by itself or is gone, at most for `timeout`;
    /// `None`: that time is over.
    ///
    /// # Errors
    /// [`DomainError::Xen`], [`DomainError::Wait`].
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<End>, DomainError> {
        Watch::new(&self.xen)?.wait_end(self, timeout)
    }
}

impl fmt::Debug for DestroyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DestroyError").field("source", &self.source).finish_non_exhaustive()
    }
}

impl fmt::Display for DestroyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for DestroyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}
