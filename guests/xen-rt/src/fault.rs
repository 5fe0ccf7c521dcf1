//! Processor faults of a PVH guest: descriptor tables, and a report before the end.
//!
//! The tables are laid out at link time, so that a guest pays two instructions for
//! them at boot. Faults never return: each starts afresh at the top of the stack,
//! which makes a stack overflow reportable too.
//!
//! A PV guest registers no handlers: Xen ends it as crashed and prints its registers
//! in its own log. Without this table a PVH guest would triple fault, which Xen
//! reports as a reboot.

use crate::last_words::LastWords;
use crate::sched::{self, Shutdown};
use crate::{hex, hooks};
use core::arch::{asm, global_asm};

// Everything a descriptor points to stays within the first 64 KiB of the address
// space, because a descriptor spreads the rest of an address over other fields; the
// linker script puts this section first, and the linker refuses addresses that do
// not fit. Loading the task register marks the task busy in the table, which the
// boot mapping allows: it is writable throughout.
global_asm!(
    r#"
    .pushsection .text.boot, "ax"

    .balign 8
0:  .quad 0
    .quad 0x00af9b000000ffff            /* 0x08: 64-bit code, ring 0 */
    .short 0x67, 2f                     /* 0x10: 64-bit task state */
    .byte 0, 0x89, 0, 0
    .quad 0
    .globl xen_rt_gdtr
xen_rt_gdtr:
    .short . - 0b - 1
    .long 0b

    .balign 8
2:  .skip 36                            /* task state: stack table entry 1 */
    .quad xen_rt_stack_top
    .skip 58
    .short 0x68

    .balign 8
3:  .set vector, 0
    .rept 32
    .short xen_rt_faults + 5 * vector, 0x08
    .byte 1, 0x8e                       /* stack table entry 1, interrupt gate */
    .short 0
    .quad 0
    .set vector, vector + 1
    .endr
    .globl xen_rt_idtr
xen_rt_idtr:
    .short . - 3b - 1
    .quad 3b

    .globl xen_rt_faults
xen_rt_faults:
    .rept 32
    call 4f                             /* five bytes each: says which vector */
    .endr
4:  popq %rdi
    movq %rsp, %rsi
    andq $-16, %rsp
    call {report}

    .popsection
    "#,
    report = sym report,
    options(att_syntax)
);

unsafe extern "C" {
    pub(crate) static xen_rt_gdtr: [u8; 6];
    pub(crate) static xen_rt_idtr: [u8; 10];
    static xen_rt_faults: [[u8; 5]; 32];
}

/// Vectors whose frame starts with an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC,
/// #CP, #VC, #SX.
const WITH_CODE: u32 = 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;

/// Says on the console what happened where, then ends the guest. `behind` is the
/// address behind the vector's call, `frame` what the processor pushed.
extern "C" fn report(behind: usize, frame: *const u64) -> ! {
    let vector = (behind - (&raw const xen_rt_faults).addr()) / 5 - 1;
    let with_code = WITH_CODE >> vector & 1;
    let mut out = LastWords::open();
    out.say(b"fault: vector 0x");
    number(&mut out, vector as u64);
    out.say(b" code 0x");
    number(&mut out, if with_code == 0 { 0 } else { word(frame, 0) });
    out.say(b" rip 0x");
    number(&mut out, word(frame, with_code as usize));
    out.say(b" rsp 0x");
    number(&mut out, word(frame, with_code as usize + 3));
    out.say(b" cr2 0x");
    number(&mut out, fault_address());
    out.say(b"\r\n");
    hooks::crashed();
    sched::shutdown(Shutdown::Crash)
}

/// Word `index` of what the processor pushed: error code if there is one, instruction
/// pointer, code segment, flags, stack pointer, stack segment.
fn word(frame: *const u64, index: usize) -> u64 {
    // SAFETY: the frame has that many words and nothing writes to them.
    unsafe { frame.wrapping_add(index).read() }
}

fn number(out: &mut LastWords, value: u64) {
    out.say(hex::digits(value, &mut [0; hex::LENGTH]));
}

fn fault_address() -> u64 {
    let address;
    // SAFETY: reading CR2 has no effect; a PVH guest runs in ring 0.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) };
    address
}
