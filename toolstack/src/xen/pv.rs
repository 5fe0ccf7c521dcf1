//! What only PV guests have: page tables of their own and a register state by
//! hypercall.

use super::abi::domctl::{self, cmd};
use super::abi::{hypercall, memory, pv};
use super::{Call, DomId, Xen, XenError};

impl Xen {
    /// Makes the page at `mfn` a top-level page table of `domain`, which Xen
    /// checks down to the last entry.
    ///
    /// # Errors
    /// [`XenError::Call`], `EINVAL` when an entry is not allowed to the domain.
    pub fn pin_l4_table(&self, domain: DomId, mfn: u64) -> Result<(), XenError> {
        const CALL: Call = Call("MMUEXT_PIN_L4_TABLE");
        let mut buffer = self.buffer()?;
        let op = memory::MmuextOp { cmd: memory::MMUEXT_PIN_L4_TABLE, _pad: 0, mfn, arg2: 0 };
        let op = buffer.put(&op);
        let args = [buffer.address(op), 1, 0, u64::from(domain.0), 0];
        // SAFETY: the buffer holds one `mmuext_op` and outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::MMUEXT_OP, args) }.map(drop)
    }

    /// Loads a vCPU's whole state.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub(crate) fn set_vcpu_context(
        &self,
        domain: DomId,
        vcpu: u32,
        context: &pv::VcpuGuestContext,
    ) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_setvcpucontext");
        let mut buffer = self.buffer()?;
        let context = buffer.put(context);
        let mut arg = domctl::VcpuContext { vcpu, _pad: 0, ctxt: buffer.address(context) };
        self.domctl_in(&mut buffer, CALL, cmd::SETVCPUCONTEXT, domain, &mut arg).map(drop)
    }

    /// Has Xen write its hypercall stubs to the frame `mfn` of `domain`.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn init_hypercall_page(&self, domain: DomId, mfn: u64) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_hypercall_init");
        let mut arg = domctl::HypercallInit { gmfn: mfn };
        self.domctl(CALL, cmd::HYPERCALL_INIT, domain, &mut arg).map(drop)
    }
}
