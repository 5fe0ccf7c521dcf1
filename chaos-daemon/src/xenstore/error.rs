//! What can go wrong between the daemon, the store and the kernel's back ends.

use std::io;
use std::path::{Path, PathBuf};

use lightvm::xen::XenError;
use thiserror::Error;

use crate::block::disk::DiskError;

/// The store cannot be reached or refused something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No xenstored answers.
    #[error(
        "no xenstored answers on {socket} ({source}): start it, or give the guest another \
         `control` than \"xenstore\""
    )]
    NotRunning {
        /// Its socket.
        socket: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A request failed.
    #[error("xenstored: cannot {verb} {what}: {source}")]
    Request {
        /// What was asked for.
        verb: &'static str,
        /// Of which entry or guest.
        what: String,
        /// Its answer.
        source: io::Error,
    },
}

/// A device could not be connected to the host.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HotplugError {
    /// A kernel module is missing.
    #[error("the kernel has no {0} back end: load it with `modprobe xen-{0}`")]
    NoBackend(&'static str),
    /// The back end did not do its part in time.
    #[error("{device}: the kernel's back end did not answer within {seconds} s")]
    Silent {
        /// The device, as the kernel names it.
        device: String,
        /// How long it had.
        seconds: u64,
    },
    /// The back end said why it cannot serve the device.
    #[error("{device}: the kernel's back end says: {reason}")]
    Refused {
        /// The device, as the kernel names it.
        device: String,
        /// Its words.
        reason: String,
    },
    /// No such bridge.
    #[error(
        "there is no bridge `{0}` on this host: make it, or name another as the nic's `bridge`"
    )]
    NoBridge(String),
    /// The network device cannot be set up.
    #[error("cannot set up {device}: {source}")]
    Link {
        /// Its name.
        device: String,
        /// The kernel's answer.
        source: rtnetlink::Error,
    },
    /// A disk's file or device cannot be used.
    #[error("cannot {verb} {path}: {source}")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another guest or program has it.
    #[error(transparent)]
    Locked(#[from] DiskError),
    /// Neither a regular file nor a block device.
    #[error("{0} is neither a file nor a block device")]
    NoDisk(PathBuf),
    /// Netlink cannot be used.
    #[error("netlink: {0}")]
    Netlink(io::Error),
}

/// Why a guest or a device could not be made known to the store, or taken out of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum XenStoreError {
    /// The store's fault.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// A device's.
    #[error(transparent)]
    Hotplug(#[from] HotplugError),
    /// Kernel back ends know bridges only.
    #[error(
        "a nic of a guest with control = \"xenstore\" is served by the kernel, which knows \
         nothing of {0}: give it a `bridge`"
    )]
    NeedsBridge(&'static str),
    /// Kernel back ends limit the bytes that an interface sends and nothing else.
    #[error(
        "a device of a guest with control = \"xenstore\" is served by the kernel, which cannot \
         limit {0}: leave its `rate` out, or give the guest another `control`"
    )]
    NoRate(&'static str),
    /// There is one already.
    #[error("the guest has a device {0} already")]
    Exists(String),
    /// The guest was asked to let go of it and did not.
    #[error("the guest does not let go of {0}; take it by force")]
    Held(String),
    /// There is none.
    #[error("the guest has no device {0}")]
    NoDevice(String),
}

impl XenStoreError {
    /// The disk that another guest or program has, when that is the error.
    #[must_use]
    pub fn disk_in_use(&self) -> Option<&Path> {
        match self {
            XenStoreError::Hotplug(HotplugError::Locked(DiskError::InUse { path })) => Some(path),
            _ => None,
        }
    }
}
