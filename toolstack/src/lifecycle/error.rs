//! What can go wrong in a guest's life.

use thiserror::Error;

use crate::build::BuildError;
use crate::create::CreateError;
use crate::domain::DomainError;
use crate::registry::RegistryError;
use crate::xen::XenError;

/// Why a guest could not be created, ended or brought back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// The guest could not be built.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The guest could not be started.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its name or UUID is taken, or it could not be written down.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Something could not be done with its domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
}
