//! What only HVM and PVH guests have: parameters and register state.

use std::arch::x86_64::__cpuid;
use std::ops::Range;
use std::sync::OnceLock;

use super::abi::domctl::{self, cmd};
use super::abi::{hvm, hypercall};
use super::{Call, DomId, Xen, XenError};

/// Memory type records that fit a hypercall buffer beside the registers.
const MTRR_RECORDS_PER_CALL: u16 = 48;

/// The state a PVH guest's first vCPU starts in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PvhVcpu {
    /// Where it starts, as the image's `PHYS32_ENTRY` note says.
    pub(crate) entry: u32,
    /// Guest-physical address of `hvm_start_info`, handed over in `ebx`.
    pub(crate) start_info: u64,
    /// vCPUs whose memory types are to be set up.
    pub(crate) vcpus: u16,
}

impl Xen {
    /// Sets one of a guest's `HVM_PARAM_*`.
    ///
    /// # Errors
    /// [`XenError::Call`].
    pub fn set_hvm_param(&self, domain: DomId, index: u32, value: u64) -> Result<(), XenError> {
        const CALL: Call = Call("HVMOP_set_param");
        let mut buffer = self.buffer()?;
        let arg = buffer.put(&hvm::HvmParam { domid: domain.0, _pad: 0, index, value });
        let args = [hvm::SET_PARAM, buffer.address(arg), 0, 0, 0];
        // SAFETY: the buffer holds an `xen_hvm_param` and outlives the call.
        unsafe { self.hypercall(CALL, Some(domain), hypercall::HVM_OP, args) }.map(drop)
    }

    /// Loads the first vCPU's registers and every vCPU's memory types, in one
    /// call for all but the largest guests. libxenctrl reads a context first to
    /// copy its header; all of the header is known.
    pub(crate) fn set_pvh_context(&self, domain: DomId, vcpu: &PvhVcpu) -> Result<(), XenError> {
        let mut first = 0;
        while vcpu.vcpus - first > MTRR_RECORDS_PER_CALL {
            let memory_types = first..first + MTRR_RECORDS_PER_CALL;
            first = memory_types.end;
            self.load_hvm_records(domain, memory_types, None)?;
        }
        // Every load takes all vCPUs down and those with registers up again, so
        // the registers come last.
        self.load_hvm_records(domain, first..vcpu.vcpus, Some(vcpu))
    }

    fn load_hvm_records(
        &self,
        domain: DomId,
        memory_types: Range<u16>,
        registers: Option<&PvhVcpu>,
    ) -> Result<(), XenError> {
        const CALL: Call = Call("XEN_DOMCTL_sethvmcontext");
        let mut buffer = self.buffer()?;
        let start = buffer.put_slice::<u8>(&[]);
        put_record(&mut buffer, hvm::SAVE_HEADER, 0, &save_header());
        for n in memory_types {
            put_record(&mut buffer, hvm::SAVE_MTRR, n, &write_back_memory());
        }
        if let Some(vcpu) = registers {
            put_record(&mut buffer, hvm::SAVE_CPU, 0, &flat_protected_mode(vcpu));
        }
        let end =
            buffer.put(&hvm::SaveDescriptor { typecode: hvm::SAVE_END, ..Default::default() });
        let size =
            buffer.address(end) - buffer.address(start) + size_of::<hvm::SaveDescriptor>() as u64;
        let mut arg = domctl::HvmContext {
            size: u32::try_from(size).unwrap_or(u32::MAX),
            _pad: 0,
            buffer: buffer.address(start),
        };
        self.domctl_in(&mut buffer, CALL, cmd::SETHVMCONTEXT, domain, &mut arg).map(drop)
    }
}

fn put_record<T: super::Plain>(
    buffer: &mut super::Buffer<'_>,
    typecode: u16,
    instance: u16,
    record: &T,
) {
    let length = u32::try_from(size_of::<T>()).unwrap_or(u32::MAX);
    buffer.put(&hvm::SaveDescriptor { typecode, instance, length });
    buffer.put(record);
}

/// The header Xen checks: magic and version. It only logs a foreign `cpuid`.
fn save_header() -> hvm::SaveHeader {
    static SIGNATURE: OnceLock<u32> = OnceLock::new();
    hvm::SaveHeader {
        magic: hvm::FILE_MAGIC,
        version: hvm::FILE_VERSION,
        cpuid: *SIGNATURE.get_or_init(|| __cpuid(1).eax),
        ..Default::default()
    }
}

/// `MTRR_DEF_TYPE_ENABLE | MTRR_TYPE_WRBACK` over the reset state of Xen's
/// emulated memory type registers (`xen/arch/x86/hvm/mtrr.c`, `hvm_vcpu_cacheattr_init`).
fn write_back_memory() -> hvm::HwMtrr {
    const RESET_PAT: u64 = 0x0007_0406_0007_0406;
    const VARIABLE_RANGES: u64 = 8;
    hvm::HwMtrr {
        msr_pat_cr: RESET_PAT,
        msr_mtrr_cap: 1 << 10 | 1 << 8 | VARIABLE_RANGES,
        msr_mtrr_def_type: 1 << 11 | 6,
        ..Default::default()
    }
}

/// Flat 32-bit protected mode without paging: what Xen's PVH boot protocol
/// (`docs/misc/pvh.pandoc`) promises a guest.
fn flat_protected_mode(vcpu: &PvhVcpu) -> hvm::HwCpu {
    const CR0_PE_ET: u64 = 1 << 0 | 1 << 4;
    const CODE: u32 = 0xc9b;
    const DATA: u32 = 0xc93;
    const TSS: u32 = 0x8b;
    hvm::HwCpu {
        rbx: vcpu.start_info,
        rip: u64::from(vcpu.entry),
        rflags: 1 << 1,
        cr0: CR0_PE_ET,
        dr6: 0xffff_0ff0,
        dr7: 0x400,
        cs_limit: u32::MAX,
        ds_limit: u32::MAX,
        es_limit: u32::MAX,
        ss_limit: u32::MAX,
        tr_limit: 0x67,
        cs_arbytes: CODE,
        ds_arbytes: DATA,
        es_arbytes: DATA,
        ss_arbytes: DATA,
        tr_arbytes: TSS,
        ..Default::default()
    }
}
