//! Event channels between domains.

use super::abi::{event_channel as ec, hypercall};
use super::{Call, DomId, EventChannels, Port, Xen, XenError};

impl Xen {
    /// Makes a port in `domain` that dom0 may bind to, and answers its number there.
    ///
    /// # Errors
    /// [`XenError::Call`], `ENOSPC` when the domain has no port left.
    pub fn alloc_unbound(&self, domain: DomId) -> Result<u32, XenError> {
        const CALL: Call = Call("EVTCHNOP_alloc_unbound");
        let mut buffer = self.buffer()?;
        let arg =
            buffer.put(&ec::AllocUnbound { dom: domain.0, remote_dom: DomId::DOM0.0, port: 0 });
        let args = [ec::ALLOC_UNBOUND, buffer.address(arg), 0, 0, 0];
        // SAFETY: the buffer holds an `evtchn_alloc_unbound` and outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::EVENT_CHANNEL_OP, args)? };
        Ok(buffer.get::<ec::AllocUnbound>(arg).port)
    }

    /// Binds a local port to port `remote` of `domain`.
    ///
    /// # Errors
    /// [`XenError::Call`], `EINVAL` when that port is not free to bind: somebody
    /// else is connected to it, or it does not exist.
    pub fn bind_interdomain(
        &self,
        channels: &EventChannels,
        domain: DomId,
        remote: u32,
    ) -> Result<Port, XenError> {
        const CALL: Call = Call("IOCTL_EVTCHN_BIND_INTERDOMAIN");
        self.allow(CALL, Some(domain))?;
        channels.bind_interdomain(domain.0, remote).map_err(|e| self.failed(CALL, Some(domain), e))
    }

    /// Binds a local port to the virtual interrupt that tells of domains' ends.
    ///
    /// # Errors
    /// [`XenError::Call`], `EEXIST` when another program has it: a host has only one.
    pub fn bind_domain_exception(&self, channels: &EventChannels) -> Result<Port, XenError> {
        const CALL: Call = Call("VIRQ_DOM_EXC");
        self.allow(CALL, None)?;
        channels.bind_virq(ec::VIRQ_DOM_EXC).map_err(|e| self.failed(CALL, None, e))
    }
}
