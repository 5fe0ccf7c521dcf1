//! Prints what the guest was given: its flavour, command line and memory map.
//!
//! Words of the command line: `idle` (stay afterwards, without using the
//! processor), `reboot` (end with that reason).

#![no_std]
#![no_main]

use core::fmt::{self, Write};
use xen_rt::{BootInfo, Console, Flavour, MemoryKind, Shutdown, cmdline, entry, sched};

entry!(main);

fn main(boot: BootInfo) -> Shutdown {
    if let Some(mut console) = Console::open(boot) {
        // The console takes everything or sleeps: it has no errors.
        let _ = greet(&mut console, boot);
    }
    let line = boot.command_line();
    if cmdline::has(line, "idle") {
        sched::idle()
    } else if cmdline::has(line, "reboot") {
        Shutdown::Reboot
    } else {
        Shutdown::PowerOff
    }
}

fn greet(console: &mut Console, boot: BootInfo) -> fmt::Result {
    let flavour = match boot.flavour() {
        Flavour::Pvh => "PVH",
        Flavour::Pv => "PV",
    };
    writeln!(console, "Hello from a {flavour} guest")?;
    write!(console, "command line: ")?;
    console.write(boot.command_line());
    writeln!(console, "\nmemory map:")?;
    let mut total = 0;
    for region in boot.memory_map() {
        let end = region.start.saturating_add(region.length.saturating_sub(1));
        write!(console, "  {:#014x}-{:#014x} {:>8} KiB ", region.start, end, region.length >> 10)?;
        match region.kind {
            MemoryKind::Ram => {
                total += region.length;
                writeln!(console, "RAM")?;
            }
            MemoryKind::Other(number) => writeln!(console, "type {number}")?,
        }
    }
    writeln!(console, "{} KiB of memory", total >> 10)
}
