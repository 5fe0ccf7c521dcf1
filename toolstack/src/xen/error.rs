//! What can go wrong when talking to Xen, said so that it can be acted upon.

use std::fmt;
use std::io;

use nix::errno::Errno;
use thiserror::Error;

use super::{Call, DomId, XenVersion};

/// Why Xen could not be spoken to, or what it refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum XenError {
    /// The device files of a Xen control domain are not there.
    #[error(
        "this is no Xen dom0: {path} cannot be opened ({source}). Run lvm in the dom0 of a Xen \
         host (modprobe xen-privcmd xen-evtchn if it is one), or try it on any machine with \
         scripts/xenbox"
    )]
    NotDom0 {
        /// The device file.
        path: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The device files are there and closed to this user.
    #[error("no permission to open {path}: run as root")]
    Permission {
        /// The device file.
        path: &'static str,
    },
    /// The hypervisor speaks an interface version lightvm has no layouts for.
    #[error(
        "Xen {}.{} speaks a {interface} interface this lightvm does not know; it knows those of \
         Xen 4.17 to 4.20", xen.major, xen.minor
    )]
    Version {
        /// What was found out before.
        xen: XenVersion,
        /// `domctl` or `sysctl`.
        interface: &'static str,
    },
    /// A call was made and refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl XenError {
    /// The error number, when a call was refused.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            XenError::Call(e) => Some(e.errno),
            _ => None,
        }
    }
}

/// A call that Xen or the dom0 kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub struct CallError {
    /// Which call.
    pub call: Call,
    /// The domain it was about.
    pub domain: Option<DomId>,
    /// The answer.
    pub errno: Errno,
    /// Who answered.
    pub xen: XenVersion,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        if let Some(domain) = self.domain {
            write!(f, " on domain {domain}")?;
        }
        write!(f, " failed: {} ({:?}), Xen {}", self.errno.desc(), self.errno, self.xen)?;
        match advice(self.call, self.errno) {
            Some(advice) => write!(f, ". {advice}"),
            None => Ok(()),
        }
    }
}

/// What to do about the answers that have a usual reason.
fn advice(call: Call, errno: Errno) -> Option<&'static str> {
    Some(match (call.name(), errno) {
        (_, Errno::EPERM) => "The caller is not privileged: run as root in dom0",
        (_, Errno::ESRCH) => "The domain no longer exists; `lvm list` shows which do",
        (_, Errno::EACCES) => "Another interface version answers than at start",
        ("XEN_DOMCTL_createdomain", Errno::EEXIST) => "The domain number is taken",
        ("XEN_DOMCTL_createdomain", Errno::ENOMEM) => {
            "Xen's own heap is full: destroy guests, or give dom0 less memory"
        }
        ("XEN_DOMCTL_createdomain", Errno::EINVAL) => {
            "Xen cannot make this kind of guest here: PVH needs hardware virtualisation with \
             nested paging, PV needs a Xen built for it (`lvm info --host` says which it has)"
        }
        ("IOCTL_EVTCHN_BIND_INTERDOMAIN", Errno::EINVAL) => {
            "Another program is attached to this guest's console, `lvm console` elsewhere most \
             likely: detach there with Ctrl-]"
        }
        ("VIRQ_DOM_EXC", Errno::EEXIST) => "Another program (xenstored, most likely) listens to it",
        (_, Errno::ENOMEM) => {
            "The host has no free memory left: destroy guests or ask for less \
             (`lvm info --host` shows what is free)"
        }
        _ => return None,
    })
}
