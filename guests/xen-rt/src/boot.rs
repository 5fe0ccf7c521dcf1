//! The first instructions, in both modes, and the ELF notes that lead to them.
//!
//! PVH (Xen `docs/misc/pvh.pandoc`): 32-bit protected mode, paging off, address
//! of `hvm_start_info` in `ebx`, CR4 and EFER zero. PV (Xen `public/xen.h`,
//! `start_info`): 64-bit, paging on, address of `start_info` in `rsi`, SSE on.

use crate::hypercall::{self, Instruction};
use crate::info::{BootInfo, Flavour};
use crate::sched::{self, Shutdown};
use core::arch::{global_asm, x86_64::__cpuid};

// Note numbers: Xen public/elfnote.h. A PV guest's entry must be 64-bit code,
// a PVH guest's is 32-bit code.
global_asm!(
    r#"
    .macro xen_note number, value:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \number
    .asciz "Xen"
1:  \value
2:  .balign 4
    .popsection
    .endm

    xen_note  5, .asciz "xen-3.0"            /* XEN_VERSION */
    xen_note  6, .asciz "lightvm"            /* GUEST_OS */
    xen_note  8, .asciz "generic"            /* LOADER */
    xen_note  9, .asciz "yes"                /* PAE_MODE */
    xen_note  1, .quad xen_rt_pv_entry      /* ENTRY */
    xen_note  3, .quad 0                    /* VIRT_BASE */
    xen_note  4, .quad 0                    /* PADDR_OFFSET */
    xen_note 18, .long xen_rt_pvh_entry     /* PHYS32_ENTRY */

    .section .text.boot, "ax"

    .code32
    .globl xen_rt_pvh_entry
xen_rt_pvh_entry:
    cld
    /* Map the first 2 MiB: present | writable, then | large page. */
    movl ${pdpt} + 0x3, {pml4}
    movl ${directory} + 0x3, {pdpt}
    movl $0x83, {directory}
    movl ${pml4}, %eax
    movl %eax, %cr3
    movl $0x620, %eax                   /* CR4: PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx              /* EFER: LME */
    movl $0x100, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax              /* CR0: PG, WP, NE, ET, MP, PE */
    movl %eax, %cr0
    lgdt {gdtr}
    ljmp $8, $4f

    .code64
4:  lidt {idtr}
    movl $0x10, %eax
    ltr %ax
    movl %ebx, %edi
    movl $xen_rt_stack_top, %esp
    xorl %ebp, %ebp
    call {pvh_start}
    ud2

    .globl xen_rt_pv_entry
xen_rt_pv_entry:
    cld
    movq %rsi, %rdi
    movl $xen_rt_stack_top, %esp
    xorl %ebp, %ebp
    call {pv_start}
    ud2
    "#,
    pml4 = sym crate::paging::PML4,
    pdpt = sym crate::paging::PDPT,
    directory = sym crate::paging::LOW_DIRECTORY,
    gdtr = sym crate::fault::xen_rt_gdtr,
    idtr = sym crate::fault::xen_rt_idtr,
    pvh_start = sym pvh_start,
    pv_start = sym pv_start,
    options(att_syntax)
);

unsafe extern "Rust" {
    /// The program's main function, defined by [`entry!`](crate::entry).
    safe fn xen_rt_main(boot: BootInfo) -> Shutdown;
}

extern "C" fn pvh_start(start_info: usize) -> ! {
    hypercall::select(hardware_call());
    run(Flavour::Pvh, start_info)
}

extern "C" fn pv_start(start_info: usize) -> ! {
    hypercall::select(Instruction::Syscall);
    run(Flavour::Pv, start_info)
}

fn run(flavour: Flavour, start_info: usize) -> ! {
    // SAFETY: the boot code hands over Xen's start information of this flavour,
    // and nothing else has run.
    let boot = unsafe { BootInfo::install(flavour, start_info) };
    sched::shutdown(xen_rt_main(boot))
}

/// Which instruction this processor leaves a hardware-assisted guest with:
/// AMD and Hygon processors have their own.
fn hardware_call() -> Instruction {
    const C_AMD: u32 = u32::from_le_bytes(*b"cAMD");
    const UINE: u32 = u32::from_le_bytes(*b"uine");
    match __cpuid(0).ecx {
        C_AMD | UINE => Instruction::Vmmcall,
        _ => Instruction::Vmcall,
    }
}
