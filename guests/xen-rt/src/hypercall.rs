//! The way into Xen: one instruction, chosen at boot, up to four arguments.
//!
//! 64-bit convention (Xen `public/arch-x86/xen-x86_64.h`): number in `rax`,
//! arguments in `rdi rsi rdx r10`, result in `rax`. `syscall` takes `rcx` and `r11`.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Hypercall numbers, Xen `public/xen.h`.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Number {
    MemoryOp = 12,
    UpdateVaMapping = 14,
    GrantTableOp = 20,
    SchedOp = 29,
    EventChannelOp = 32,
    HvmOp = 34,
}

/// A guest's name for itself in hypercalls, Xen `public/xen.h`.
pub(crate) const DOMID_SELF: u16 = 0x7ff0;

/// The instruction that reaches Xen from where this guest runs.
#[derive(Clone, Copy)]
pub(crate) enum Instruction {
    /// PV: Xen owns the system call entry.
    Syscall,
    /// PVH on Intel and others.
    Vmcall,
    /// PVH on AMD and Hygon.
    Vmmcall,
}

global_asm!(
    ".pushsection .text.hypercall, \"ax\"",
    "xen_rt_syscall: syscall",
    "ret",
    "xen_rt_vmcall: vmcall",
    "ret",
    "xen_rt_vmmcall: vmmcall",
    "ret",
    ".popsection",
);

unsafe extern "C" {
    fn xen_rt_syscall();
    fn xen_rt_vmcall();
    fn xen_rt_vmmcall();
}

/// Address of the chosen `xen_rt_*call`.
static GATE: AtomicUsize = AtomicUsize::new(0);

/// Chooses the instruction. Must come before the first [`call`].
pub(crate) fn select(instruction: Instruction) {
    let gate: unsafe extern "C" fn() = match instruction {
        Instruction::Syscall => xen_rt_syscall,
        Instruction::Vmcall => xen_rt_vmcall,
        Instruction::Vmmcall => xen_rt_vmmcall,
    };
    GATE.store(gate as usize, Ordering::Relaxed);
}

/// Makes a hypercall. A negative result is an error number of `public/errno.h`.
///
/// # Safety
/// The arguments must be what the hypercall expects; memory they point to must
/// be valid for what Xen reads and writes there.
pub(crate) unsafe fn call(number: Number, arguments: [usize; 4]) -> isize {
    // SAFETY: the caller's obligation.
    unsafe { raw(number as usize, arguments) }
}

/// [`call`] by the bare number.
///
/// # Safety
/// As for [`call`].
pub(crate) unsafe fn raw(number: usize, arguments: [usize; 4]) -> isize {
    let result: isize;
    // SAFETY: the gate was chosen at boot, keeps the stack, and changes only the
    // registers named here; the arguments are the caller's obligation.
    unsafe {
        asm!(
            "call qword ptr [{gate}]",
            gate = sym GATE,
            inlateout("rax") number => result,
            inlateout("rdi") arguments[0] => _,
            inlateout("rsi") arguments[1] => _,
            inlateout("rdx") arguments[2] => _,
            inlateout("r10") arguments[3] => _,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// [`call`] for the many hypercalls that take a command and a structure.
///
/// # Safety
/// `argument` must be the structure that `command` expects.
pub(crate) unsafe fn operate<T>(number: Number, command: usize, argument: &mut T) -> isize {
    let address = core::ptr::from_mut(argument) as usize;
    // SAFETY: the structure is live and writable through the exclusive reference;
    // that it is the right one is the caller's obligation.
    unsafe { call(number, [command, address, 0, 0]) }
}
