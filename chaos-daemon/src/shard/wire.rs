//! A guest's port, bound to its shard before there is a guest.

use std::sync::Arc;

use lightvm::xen::{DomId, EventChannels, Port, Xen, XenError};

/// A shard's end of an event channel. Dropping it lets the port go.
#[derive(Debug)]
pub struct Wire {
    channels: Arc<EventChannels>,
    /// Nothing once it was handed over.
    port: Option<Port>,
    /// The other end's number.
    remote: u32,
}

impl Wire {
    /// Binds to port `remote` of `domain`.
    pub(super) fn bind(
        xen: &Xen,
        channels: &Arc<EventChannels>,
        domain: DomId,
        remote: u32,
    ) -> Result<Wire, XenError> {
        let port = xen.bind_interdomain(channels, domain, remote)?;
        Ok(Wire { channels: Arc::clone(channels), port: Some(port), remote })
    }

    /// The other end's number.
    pub(super) fn remote(&self) -> u32 {
        self.remote
    }

    /// The port, to be let go by the caller.
    pub(super) fn into_port(mut self) -> Option<Port> {
        self.port.take()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(port) = self.port.take() {
            let _ = self.channels.unbind(port);
        }
    }
}
