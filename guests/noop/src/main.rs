//! The smallest guest: says that it lives, then ends.
//!
//! Sign of life: one event on the console's event channel, before anything else.
//! Words of the command line: `idle` (stay, without using the processor),
//! `reboot` (end with that reason).

#![no_std]
#![no_main]

use xen_rt::{BootInfo, Port, Shutdown, cmdline, entry, event, sched};

entry!(main);

fn main(boot: BootInfo) -> Shutdown {
    if let Some(port) = Port::console(boot) {
        event::send(port);
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
