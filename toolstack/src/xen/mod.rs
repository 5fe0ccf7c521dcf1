//! The only module that speaks to Xen, in three rings: [`abi`] (layouts and
//! numbers of the C headers), `dev` (owners of dom0's device files) and the typed
//! calls of [`Xen`]. All `unsafe` that concerns the hypervisor ends here.

pub mod abi;
mod dev;
mod domain;
mod error;
mod event;
mod grant;
mod host;
mod hvm;
mod memory;
mod pv;
mod scheduler;
mod scrubbing;

use std::fmt;
use std::io;
use std::sync::Arc;

use nix::errno::Errno;

pub use dev::{Call, CallMonitor, EventChannels, ForeignMapping, GrantMapping, GrantView, Port};
pub use domain::{CreateDomain, DomainInfo, DomainState, ShutdownReason, VcpuInfo};
pub use error::{CallError, XenError};
pub use grant::{CopySegment, GrantDevice};
pub use host::{CpuPool, Domains, Host};
pub(crate) use hvm::PvhVcpu;
pub use scheduler::{CpuMap, Credit2};

use abi::{Plain, domctl, hypercall, sysctl, version};
use dev::{Buffer, Privcmd};

/// The number Xen knows a domain by. It comes round again once its domain is
/// gone: never an identity, always to be checked against the domain's UUID.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct DomId(pub u16);

impl DomId {
    /// The control domain.
    pub const DOM0: DomId = DomId(0);
}

impl fmt::Display for DomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which hypervisor is running and which interface versions it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XenVersion {
    /// Such as 4.
    pub major: u16,
    /// Such as 17.
    pub minor: u16,
    /// `XEN_DOMCTL_INTERFACE_VERSION`; 0 until it was found out.
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION`; 0 until it was found out.
    pub sysctl: u32,
}

impl fmt::Display for XenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.domctl != 0 {
            write!(f, " (domctl {:#x}, sysctl {:#x})", self.domctl, self.sysctl)?;
        }
        Ok(())
    }
}

/// Interface versions lightvm has layouts for, newest first.
const DOMCTL_VERSIONS: [u32; 3] = [0x17, 0x16, 0x15];
const SYSCTL_VERSIONS: [u32; 1] = [0x15];

/// The domctl version that a release came with; a hint for the first probe.
fn expected_domctl(major: u16, minor: u16) -> u32 {
    match (major, minor) {
        (4, ..=17) => 0x15,
        (4, 18) => 0x16,
        _ => 0x17,
    }
}

/// A handle on the hypervisor. Cheap to share by [`Arc`], usable from any thread.
pub struct Xen {
    privcmd: Privcmd,
    version: XenVersion,
    clears_memory: bool,
    monitor: Option<Box<dyn CallMonitor>>,
}

impl fmt::Debug for Xen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xen").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Xen {
    /// Opens dom0's device files and finds out what the hypervisor speaks.
    ///
    /// # Errors
    /// [`XenError::NotDom0`] where there is no Xen, [`XenError::Permission`] for
    /// an ordinary user, [`XenError::Version`] for a release with unknown layouts.
    pub fn open() -> Result<Arc<Xen>, XenError> {
        Self::open_with(None)
    }

    /// As [`Xen::open`], with a monitor that sees every later call.
    ///
    /// # Errors
    /// As [`Xen::open`].
    pub fn open_monitored(monitor: Box<dyn CallMonitor>) -> Result<Arc<Xen>, XenError> {
        Self::open_with(Some(monitor))
    }

    fn open_with(monitor: Option<Box<dyn CallMonitor>>) -> Result<Arc<Xen>, XenError> {
        let privcmd = Privcmd::open().map_err(|(path, e)| XenError::from_open(path, e))?;
        let version = XenVersion { major: 0, minor: 0, domctl: 0, sysctl: 0 };
        let mut xen = Xen { privcmd, version, clears_memory: false, monitor: None };
        xen.probe()?;
        xen.monitor = monitor;
        Ok(Arc::new(xen))
    }

    /// Which hypervisor this is.
    pub fn version(&self) -> XenVersion {
        self.version
    }

    /// Opens this process's event channels.
    ///
    /// # Errors
    /// As [`Xen::open`].
    pub fn event_channels(&self) -> Result<EventChannels, XenError> {
        self.allow(Call("open /dev/xen/evtchn"), None)?;
        EventChannels::open().map_err(|e| XenError::from_open("/dev/xen/evtchn", e))
    }

    fn probe(&mut self) -> Result<(), XenError> {
        let call = Call("XENVER_version");
        // SAFETY: XENVER_version takes no address.
        let answer = unsafe {
            self.hypercall(
                call,
                None,
                hypercall::XEN_VERSION,
                [version::XENVER_VERSION, 0, 0, 0, 0],
            )
        }?;
        self.version.major = u16::try_from(answer >> 16).unwrap_or(u16::MAX);
        self.version.minor = u16::try_from(answer & 0xffff).unwrap_or(u16::MAX);
        self.version.domctl = self.probe_domctl()?;
        self.version.sysctl = self.probe_sysctl()?;
        self.clears_memory = scrubbing::clears_memory(&self.command_line()?);
        Ok(())
    }

    fn probe_domctl(&mut self) -> Result<u32, XenError> {
        let expected = expected_domctl(self.version.major, self.version.minor);
        let others = DOMCTL_VERSIONS.into_iter().filter(|&v| v != expected);
        for candidate in std::iter::once(expected).chain(others) {
            self.version.domctl = candidate;
            match self.domain_info(DomId::DOM0) {
                Ok(_) => return Ok(candidate),
                Err(XenError::Call(e)) if e.errno == Errno::EACCES => {}
                Err(e) => return Err(e),
            }
        }
        self.version.domctl = 0;
        Err(XenError::Version { xen: self.version, interface: "domctl" })
    }

    fn probe_sysctl(&mut self) -> Result<u32, XenError> {
        for candidate in SYSCTL_VERSIONS {
            self.version.sysctl = candidate;
            match self.default_scheduler() {
                Ok(_) => return Ok(candidate),
                Err(XenError::Call(e)) if e.errno == Errno::EACCES => {}
                Err(e) => return Err(e),
            }
        }
        self.version.sysctl = 0;
        Err(XenError::Version { xen: self.version, interface: "sysctl" })
    }

    /// Asks the monitor whether `call` may be made.
    fn allow(&self, call: Call, domain: Option<DomId>) -> Result<(), XenError> {
        match &self.monitor {
            Some(monitor) => monitor.before(call).map_err(|e| self.failed(call, domain, e)),
            None => Ok(()),
        }
    }

    fn failed(&self, call: Call, domain: Option<DomId>, errno: Errno) -> XenError {
        XenError::Call(CallError { call, domain, errno, xen: self.version })
    }

    /// Makes a hypercall under the monitor's eyes.
    ///
    /// # Safety
    /// As [`Privcmd::hypercall`].
    unsafe fn hypercall(
        &self,
        call: Call,
        domain: Option<DomId>,
        op: u64,
        arg: [u64; 5],
    ) -> Result<u64, XenError> {
        self.allow(call, domain)?;
        // SAFETY: the caller's promise.
        unsafe { self.privcmd.hypercall(op, arg) }.map_err(|e| self.failed(call, domain, e))
    }

    fn buffer(&self) -> Result<Buffer<'_>, XenError> {
        const CALL: Call = Call("mmap /dev/xen/hypercall");
        self.privcmd.buffers.take().map_err(|e| self.failed(CALL, None, e))
    }

    /// Makes the domctl `cmd` on `domain`; `arg` comes back as Xen left it.
    fn domctl<T: Plain>(
        &self,
        call: Call,
        cmd: u32,
        domain: DomId,
        arg: &mut T,
    ) -> Result<DomId, XenError> {
        self.domctl_in(&mut self.buffer()?, call, cmd, domain, arg)
    }

    /// As [`Xen::domctl`], in a buffer that already holds what `arg` points to.
    fn domctl_in<T: Plain>(
        &self,
        buffer: &mut Buffer<'_>,
        call: Call,
        cmd: u32,
        domain: DomId,
        arg: &mut T,
    ) -> Result<DomId, XenError> {
        let header = domctl::DomctlHeader {
            cmd,
            interface_version: self.version.domctl,
            domain: domain.0,
            _pad: [0; 3],
        };
        let head = buffer.put(&header);
        let body = buffer.put(arg);
        buffer.reserve_zeroed(domctl::DOMCTL_ARG_SIZE - size_of::<T>().next_multiple_of(8));
        // SAFETY: the buffer holds a whole `struct xen_domctl`, which outlives
        // the call; addresses inside `arg` are in the same buffer.
        unsafe {
            self.hypercall(
                call,
                (domain.0 != 0 || cmd != domctl::cmd::CREATEDOMAIN).then_some(domain),
                hypercall::DOMCTL,
                [buffer.address(head), 0, 0, 0, 0],
            )?;
        }
        *arg = buffer.get(body);
        Ok(DomId(buffer.get::<domctl::DomctlHeader>(head).domain))
    }

    /// Makes the sysctl `cmd`; `arg` comes back as Xen left it.
    fn sysctl_in<T: Plain>(
        &self,
        buffer: &mut Buffer<'_>,
        call: Call,
        cmd: u32,
        arg: &mut T,
    ) -> Result<(), XenError> {
        let header = sysctl::SysctlHeader { cmd, interface_version: self.version.sysctl };
        let head = buffer.put(&header);
        let body = buffer.put(arg);
        buffer.reserve_zeroed(sysctl::SYSCTL_ARG_SIZE - size_of::<T>().next_multiple_of(8));
        // SAFETY: the buffer holds a whole `struct xen_sysctl`, which outlives
        // the call; addresses inside `arg` are in the same buffer.
        unsafe {
            self.hypercall(call, None, hypercall::SYSCTL, [buffer.address(head), 0, 0, 0, 0])?;
        }
        *arg = buffer.get(body);
        Ok(())
    }
}

impl XenError {
    fn from_open(path: &'static str, source: io::Error) -> XenError {
        match source.kind() {
            io::ErrorKind::PermissionDenied => XenError::Permission { path },
            _ => XenError::NotDom0 { path, source },
        }
    }
}
