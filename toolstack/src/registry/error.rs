//! What can go wrong with names and records.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use uuid::Uuid;

use crate::config::GuestName;
use crate::xen::{DomId, XenError};

/// Why the registry could not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A living guest has this name.
    #[error("the name `{name}` is taken by domain {domid} ({uuid}); choose another or destroy it")]
    NameTaken {
        /// The name.
        name: GuestName,
        /// Who has it.
        domid: DomId,
        /// Its identity.
        uuid: Uuid,
    },
    /// A living guest has this UUID.
    #[error("the UUID {uuid} is taken by domain {domid}; leave `uuid` out to have one made")]
    UuidTaken {
        /// The UUID.
        uuid: Uuid,
        /// Who has it.
        domid: DomId,
    },
    /// Nobody answers to this name, UUID or number.
    #[error("there is no guest `{0}`; `lvm list` shows which there are")]
    NotFound(String),
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was to be done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
}

/// For `map_err`: what was to be done with which file.
pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RegistryError {
    move |source| RegistryError::File { action, path: path.to_owned(), source }
}
