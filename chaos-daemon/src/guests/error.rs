//! What can go wrong with guests.

use std::io;
use std::path::{Path, PathBuf};

use lightvm::api::ErrorCode;
use lightvm::build::BuildError;
use lightvm::config::GuestName;
use lightvm::create::CreateError;
use lightvm::domain::DomainError;
use lightvm::lifecycle::LifecycleError;
use lightvm::registry::RegistryError;
use lightvm::xen::XenError;
use thiserror::Error;
use uuid::Uuid;

use super::Key;
use crate::block::disk::DiskError;
use crate::facade::JournalError;
use crate::network::NetworkError;

/// Why something could not be done with a guest.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuestError {
    /// It could not be built, started or ended.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// Something could not be done with its domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// A disk cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A disk that another guest has.
    #[error(
        "disk {} is in use by guest {guest}: a disk that is written belongs to one guest; attach it \
         read-only everywhere to share it",
        path.display()
    )]
    DiskHeld {
        /// Where.
        path: PathBuf,
        /// Whose it is.
        guest: GuestName,
    },
    /// An interface cannot be attached.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Its facade's journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Something could not be done in the host's XenStore.
    #[cfg(feature = "xenstore")]
    #[error(transparent)]
    XenStore(#[from] crate::xenstore::XenStoreError),
    /// Its terminal cannot be had.
    #[error(transparent)]
    Terminal(#[from] crate::console::TerminalError),
    /// The pool has no such flavour.
    #[error("the pool has no flavour {0}; `lvm pool` shows which there are")]
    NoFlavour(u64),
    /// Another request builds a guest of this UUID.
    #[error(
        "another request builds a guest with the UUID {0} just now; leave `uuid` out to have one made"
    )]
    BeingBuilt(uuid::Uuid),
    /// There is no such guest.
    #[error("there is no guest `{0}`")]
    NotFound(String),
    /// It has no such device.
    #[error("the guest has no {kind} {index}")]
    NoDevice {
        /// Such as `disk`.
        kind: &'static str,
        /// Its number.
        index: u8,
    },
    /// It was asked to let go of a device and did not.
    #[error("the guest does not let go of its {kind} {index}; take it by force")]
    Holds {
        /// Such as `disk`.
        kind: &'static str,
        /// Its number.
        index: u8,
    },
    /// It has a disk of this name.
    #[error("the guest has a disk {0} already")]
    HasDevice(String),
    /// Its device table is full.
    #[error(
        "the guest has no place left for a device; `hotplug_slots` of its configuration says how many it keeps free"
    )]
    NoSlot,
    /// The guest ended before what was waited for.
    #[error("the guest ended before it was {0}")]
    Ended(&'static str),
    /// What was waited for took too long.
    #[error("the guest was not {0} in time; it lives on")]
    Timeout(&'static str),
    /// The key of a creation was used for another one.
    #[error("the idempotency key {0} was used for another request: every request needs its own")]
    KeyUsed(Key),
    /// A creation came again after its guest's end.
    #[error("guest {uuid} was made with the idempotency key {key}, and has ended since")]
    KeyPast {
        /// The key.
        key: Key,
        /// The guest.
        uuid: Uuid,
    },
    /// Not with this guest, or not in this daemon.
    #[error("{0}")]
    Unsupported(String),
    /// What the daemon has to remember cannot be written down.
    #[error("cannot write the guest's record: {0}")]
    Record(#[source] io::Error),
    /// A part of the daemon has ended.
    #[error("a part of the daemon has ended; restart chaosd")]
    Broken,
}

impl GuestError {
    /// What a program makes of it.
    pub fn code(&self) -> ErrorCode {
        match self {
            GuestError::Lifecycle(e) => lifecycle_code(e),
            GuestError::Domain(e) => domain_code(e),
            GuestError::Disk(DiskError::InUse { .. }) | GuestError::DiskHeld { .. } => {
                ErrorCode::Conflict
            }
            GuestError::Disk(_) => ErrorCode::BadInput,
            GuestError::Network(e) => e.code(),
            GuestError::NotFound(_) | GuestError::NoFlavour(_) | GuestError::NoDevice { .. } => {
                ErrorCode::NotFound
            }
            GuestError::BeingBuilt(_) => ErrorCode::Taken,
            GuestError::Ended(_) | GuestError::NoSlot | GuestError::KeyUsed(_) => {
                ErrorCode::Conflict
            }
            GuestError::KeyPast { .. } => ErrorCode::Ended,
            #[cfg(feature = "xenstore")]
            GuestError::XenStore(e) => xenstore_code(e),
            GuestError::Terminal(crate::console::TerminalError::Taken) => ErrorCode::Taken,
            GuestError::Terminal(_) => ErrorCode::Internal,
            GuestError::HasDevice(_) => ErrorCode::Conflict,
            GuestError::Holds { .. } => ErrorCode::Timeout,
            GuestError::Timeout(_) => ErrorCode::Timeout,
            GuestError::Unsupported(_) => ErrorCode::Unsupported,
            GuestError::Xen(_)
            | GuestError::Record(_)
            | GuestError::Journal(_)
            | GuestError::Broken => ErrorCode::Internal,
        }
    }

    /// The disk that another guest or program has, when that is the error.
    pub(super) fn disk_in_use(&self) -> Option<&Path> {
        match self {
            GuestError::Disk(DiskError::InUse { path }) => Some(path),
            #[cfg(feature = "xenstore")]
            GuestError::XenStore(e) => e.disk_in_use(),
            _ => None,
        }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self.code() {
            ErrorCode::NotFound => Some("`lvm list` shows which there are"),
            ErrorCode::NoResources => Some("`lvm info` shows what the host has"),
            _ => None,
        }
    }
}

fn lifecycle_code(error: &LifecycleError) -> ErrorCode {
    match error {
        LifecycleError::Create(CreateError::Build(e)) | LifecycleError::Build(e) => build_code(e),
        LifecycleError::Create(CreateError::Xen(_)) | LifecycleError::Xen(_) => ErrorCode::Internal,
        LifecycleError::Create(_) => ErrorCode::BadInput,
        LifecycleError::Registry(
            RegistryError::NameTaken { .. } | RegistryError::UuidTaken { .. },
        ) => ErrorCode::Taken,
        LifecycleError::Domain(e) => domain_code(e),
        _ => ErrorCode::Internal,
    }
}

fn build_code(error: &BuildError) -> ErrorCode {
    match error {
        BuildError::HostFull { .. } => ErrorCode::NoResources,
        BuildError::Xen(e) if e.errno() == Some(nix::errno::Errno::ENOMEM) => {
            ErrorCode::NoResources
        }
        BuildError::Xen(_) => ErrorCode::Internal,
        _ => ErrorCode::BadInput,
    }
}

#[cfg(feature = "xenstore")]
fn xenstore_code(error: &crate::xenstore::XenStoreError) -> ErrorCode {
    use crate::xenstore::{StoreError, XenStoreError};
    match error {
        XenStoreError::Store(StoreError::NotRunning { .. }) => ErrorCode::Conflict,
        XenStoreError::Store(_) | XenStoreError::Xen(_) => ErrorCode::Internal,
        XenStoreError::Held(_) => ErrorCode::Timeout,
        XenStoreError::Exists(_) => ErrorCode::Conflict,
        XenStoreError::NoDevice(_) => ErrorCode::NotFound,
        _ => ErrorCode::BadInput,
    }
}

fn domain_code(error: &DomainError) -> ErrorCode {
    match error {
        DomainError::Vanished { .. } => ErrorCode::NotFound,
        _ => ErrorCode::Internal,
    }
}
