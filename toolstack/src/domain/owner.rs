//! The one who has to clean up.

use std::sync::Arc;

use uuid::Uuid;

use crate::xen::{DomId, Xen};

/// Owns a half-built domain: destroys it when dropped.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) xen: Arc<Xen>,
    pub(super) domid: DomId,
    pub(super) uuid: Uuid,
    armed: bool,
}

impl Owner {
    pub(super) fn new(xen: Arc<Xen>, domid: DomId, uuid: Uuid) -> Self {
        Owner { xen, domid, uuid, armed: true }
    }

    /// Gives the domain up: it lives on.
    pub(super) fn release(mut self) -> (Arc<Xen>, DomId, Uuid) {
        self.armed = false;
        (Arc::clone(&self.xen), self.domid, self.uuid)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A refusal that passes by itself must not leave a domain behind; one that
        // stays cannot be helped here, and the domain shows in `lvm list`.
        const ATTEMPTS: usize = 3;
        if self.armed {
            let _ = (0..ATTEMPTS).find(|_| self.xen.destroy_domain(self.domid).is_ok());
        }
    }
}
