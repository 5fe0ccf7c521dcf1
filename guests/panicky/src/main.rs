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
  stack  overflow the stack
  spin   never end, burning processor time
";

/// Beyond what either boot mode maps.
const UNMAPPED: *mut u8 = 0x7f00_0000_0000 as *mut u8;

fn main(boot: BootInfo) -> Shutdown {
    match cmdline::words(boot.command_line()).next() {
        Some(b"panic") => panic!("asked to panic"),
        Some(b"crash") => Shutdown::Crash,
        Some(b"fault") => fault(),
        Some(b"ud2") => undefined_instruction(),
        Some(b"stack") => overflow(0),
        Some(b"spin") => spin(),
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

fn overflow(depth: u64) -> ! {
    let frame = black_box([depth; 64]);
    overflow(black_box(frame[0] + 1))
}

fn spin() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
