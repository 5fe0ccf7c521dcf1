//! Crashes in the way its command line names; see [`USAGE`].

#![no_std]
#![no_main]

use core::arch::asm;
use core::fmt::Write;
use core::hint::black_box;
use xen_rt::{BootInfo, Console, Shutdown, cmdline, entry};

entry!(main);

const USAGE: &str = "\
panicky: name one way to crash on the command line
  panic  a Rust panic
  crash  shut down with reason crash, without a word
  fault  write to memory that is not mapped
  ud2    execute an undefined instruction
  triple fault without a handler (PVH: Xen calls it a reboot)
  stack  overflow the stack
  spin   never end, burning processor time
  flood  never end, writing to the console
";

/// Beyond what either boot mode maps.
const UNMAPPED: *mut u8 = 0x7f00_0000_0000 as *mut u8;

fn main(boot: BootInfo) -> Shutdown {
    match cmdline::words(boot.command_line()).next() {
        Some(b"panic") => panic!("asked to panic"),
        Some(b"crash") => Shutdown::Crash,
        Some(b"fault") => fault(),
        Some(b"ud2") => undefined_instruction(),
        Some(b"triple") => triple_fault(),
        Some(b"stack") => overflow(0),
        Some(b"spin") => spin(),
        Some(b"flood") => flood(boot),
        _ => usage(boot),
    }
}

fn usage(boot: BootInfo) -> ! {
    if let Some(mut console) = Console::open(boot) {
        // The console takes everything or sleeps: it has no errors.
        let _ = console.write_str(USAGE);
    }
    panic!("no way to crash was named");
}

fn fault() -> ! {
    // SAFETY: sound it is not, that is the point: the guest ends here.
    unsafe { UNMAPPED.write_volatile(1) };
    unreachable!("memory at {UNMAPPED:p} is mapped");
}

fn undefined_instruction() -> ! {
    // SAFETY: raises an exception nobody handles: the guest ends here.
    unsafe { asm!("ud2", options(noreturn)) }
}

fn triple_fault() -> ! {
    /// Limit and base of an interrupt table with no room for any entry.
    static EMPTY: [u8; 10] = [0; 10];
    // SAFETY: the next exception finds no handler: the guest ends here. A PV guest may
    // not load the table and ends one instruction earlier.
    unsafe { asm!("lidt [{}]", "ud2", in(reg) &EMPTY, options(noreturn)) }
}

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> ! {
    let frame = black_box([depth; 64]);
    overflow(black_box(frame[0] + 1))
}

fn spin() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

fn flood(boot: BootInfo) -> ! {
    let mut console = Console::open(boot).expect("a flood needs a console");
    for line in 0_u64.. {
        // The console takes everything or sleeps: it has no errors.
        let _ = writeln!(console, "flood, line {line}");
    }
    unreachable!("the count of lines came to its end");
}
