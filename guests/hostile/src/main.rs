//! Attacks whatever it can reach, in the way each word `attack=NAME` of its command line
//! names, in order; then behaves.
//!
//! Words: `attack=NAME`, or `attack=list` for the names; `seconds=N` repeats each attack for
//! that long; `idle` stays afterwards instead of powering off.

#![no_std]
#![no_main]
// Attacks are made of numbers that do not fit.
#![allow(clippy::cast_possible_truncation)]

mod attacks;
mod block;
mod calls;
mod console;
mod net;
mod page;
mod ring;
mod rx;
mod store;
mod target;
mod traffic;
mod tx;

use core::fmt::Write;
use target::Target;
use xen_rt::pages::StaticPages;
use xen_rt::{BootInfo, Clock, Shutdown, cmdline, entry};

entry!(main);
xen_rt::noxs_guest!();

static PAGES: StaticPages<64> = StaticPages::new();

fn main(boot: BootInfo) -> Shutdown {
    let pages = PAGES.take().expect("main runs once");
    let mut target = Target::open(boot, pages);
    let line = boot.command_line();
    let seconds = cmdline::number(line, "seconds").unwrap_or(0);
    for name in cmdline::values(line, "attack") {
        attack(&mut target, name, seconds);
    }
    target.finish();
    target.say(format_args!("hostile: no attacks left"));
    if cmdline::has(line, "idle") {
        loop {
            target.pause(1000);
        }
    }
    Shutdown::PowerOff
}

fn attack(target: &mut Target, name: &[u8], seconds: u64) {
    let shown = core::str::from_utf8(name).unwrap_or("?");
    if name == b"list" {
        return list(target);
    }
    let Some(attack) = attacks::ALL.iter().find(|attack| attack.name.as_bytes() == name) else {
        return target.say(format_args!("hostile: {shown}: there is no such attack"));
    };
    target.say(format_args!("hostile: {shown}: begins"));
    let clock = Clock::new(target.boot);
    let end = clock.now().saturating_add(seconds.saturating_mul(1_000_000_000));
    let mut rounds = 0_u64;
    let outcome = loop {
        let outcome = (attack.run)(target);
        rounds += 1;
        if outcome.is_none() || clock.now() >= end {
            break outcome;
        }
    };
    match outcome {
        Some(()) => target.say(format_args!("hostile: {shown}: done, {rounds} rounds")),
        None => target.say(format_args!("hostile: {shown}: nothing to attack here")),
    }
}

fn list(target: &mut Target) {
    for attack in attacks::ALL {
        // The console takes everything or sleeps: it has no errors.
        let _ = writeln!(target.console, "{}", attack.name);
    }
}
