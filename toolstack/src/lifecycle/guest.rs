//! Guests that live: a domain and what is written down about it.

use std::sync::Arc;

use crate::domain::{DomainError, Running};
use crate::registry::Record;
use crate::xen::Xen;

/// A guest that was created. Dropping the handle leaves it alone.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its domain.
    pub running: Running,
    /// What is written down about it.
    pub record: Record,
}

impl Guest {
    /// Takes up the guest that `record` tells of.
    ///
    /// # Errors
    /// [`DomainError::Vanished`] when it no longer lives.
    pub fn adopt(xen: &Arc<Xen>, record: Record) -> Result<Guest, DomainError> {
        let running = Running::adopt(xen, record.domid, record.uuid, record.console)?;
        Ok(Guest { running, record })
    }
}
