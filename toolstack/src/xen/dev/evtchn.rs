//! `/dev/xen/evtchn`: event channels bound to this process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;

use crate::xen::abi::privcmd::{
    EvtchnBindInterdomain, EvtchnBindVirq, EvtchnPort, IOCTL_EVTCHN_BIND_INTERDOMAIN,
    IOCTL_EVTCHN_BIND_VIRQ, IOCTL_EVTCHN_NOTIFY, IOCTL_EVTCHN_UNBIND,
};

pub(in crate::xen) const EVTCHN: &str = "/dev/xen/evtchn";

/// A local event channel port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(pub(crate) u32);

impl Port {
    /// Its number in this domain.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Ports taken or unmasked by one call of [`EventChannels::pending_all`].
const BATCH: usize = 64;

/// Ports bound to this process; all of them are let go when it is dropped.
///
/// The file descriptor is readable when an event is pending, so it fits
/// `poll(2)` and `epoll(7)`. A port that fired stays masked until
/// [`EventChannels::unmask`].
#[derive(Debug)]
pub struct EventChannels {
    device: File,
}

impl EventChannels {
    pub(in crate::xen) fn open() -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        Ok(EventChannels { device: options.open(Path::new(EVTCHN))? })
    }

    pub(in crate::xen) fn bind_virq(&self, virq: u32) -> Result<Port, Errno> {
        let arg = EvtchnBindVirq { virq };
        // SAFETY: the kernel reads one `ioctl_evtchn_bind_virq`.
        let answer =
            unsafe { libc::ioctl(self.device.as_raw_fd(), IOCTL_EVTCHN_BIND_VIRQ, &raw const arg) };
        Errno::result(answer).map(|port| Port(port.cast_unsigned()))
    }

    pub(in crate::xen) fn bind_interdomain(&self, domid: u16, port: u32) -> Result<Port, Errno> {
        let arg = EvtchnBindInterdomain { remote_domain: u32::from(domid), remote_port: port };
        // SAFETY: the kernel reads one `ioctl_evtchn_bind_interdomain`.
        let answer = unsafe {
            libc::ioctl(self.device.as_raw_fd(), IOCTL_EVTCHN_BIND_INTERDOMAIN, &raw const arg)
        };
        Errno::result(answer).map(|port| Port(port.cast_unsigned()))
    }

    /// Lets go of `port`.
    ///
    /// # Errors
    /// `ENOTCONN` when it is not bound here.
    pub fn unbind(&self, port: Port) -> Result<(), Errno> {
        let arg = EvtchnPort { port: port.0 };
        // SAFETY: the kernel reads one `ioctl_evtchn_unbind`.
        let answer =
            unsafe { libc::ioctl(self.device.as_raw_fd(), IOCTL_EVTCHN_UNBIND, &raw const arg) };
        Errno::result(answer).map(drop)
    }

    /// Raises an event on the other end of `port`.
    ///
    /// # Errors
    /// `ENOTCONN` when it is not bound here.
    pub fn notify(&self, port: Port) -> Result<(), Errno> {
        let arg = EvtchnPort { port: port.0 };
        // SAFETY: the kernel reads one `ioctl_evtchn_notify`.
        let answer =
            unsafe { libc::ioctl(self.device.as_raw_fd(), IOCTL_EVTCHN_NOTIFY, &raw const arg) };
        Errno::result(answer).map(drop)
    }

    /// The next port that fired, or `None` when none is pending.
    ///
    /// # Errors
    /// Those of `read(2)` other than `EAGAIN`.
    pub fn pending(&self) -> io::Result<Option<Port>> {
        let mut port = [0u8; 4];
        match (&self.device).read(&mut port) {
            Ok(4) => Ok(Some(Port(u32::from_ne_bytes(port)))),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Adds the ports that fired to `out`, at most 64, and answers how many those are; 0 when none
    /// is pending.
    ///
    /// # Errors
    /// Those of `read(2)` other than `EAGAIN`.
    pub fn pending_all(&self, out: &mut Vec<Port>) -> io::Result<usize> {
        let mut ports = [0u8; 4 * BATCH];
        let bytes = match (&self.device).read(&mut ports) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) => return Err(e),
        };
        let (ports, _) = ports[..bytes].as_chunks();
        out.extend(ports.iter().map(|port| Port(u32::from_ne_bytes(*port))));
        Ok(ports.len())
    }

    /// Lets `ports` fire again, in one call of the system for each 64 of them.
    ///
    /// # Errors
    /// Those of `write(2)`.
    pub fn unmask_all(&self, ports: &[Port]) -> io::Result<()> {
        let mut bytes = [0u8; 4 * BATCH];
        for batch in ports.chunks(BATCH) {
            for (room, port) in bytes.as_chunks_mut().0.iter_mut().zip(batch) {
                *room = port.0.to_ne_bytes();
            }
            (&self.device).write_all(&bytes[..4 * batch.len()])?;
        }
        Ok(())
    }

    /// Lets `port` fire again.
    ///
    /// # Errors
    /// Those of `write(2)`.
    pub fn unmask(&self, port: Port) -> io::Result<()> {
        (&self.device).write_all(&port.0.to_ne_bytes())
    }
}

impl AsFd for EventChannels {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
