//! The library and the program on real Xen.
//!
//! Every test here is ignored by a plain `cargo test`: it needs a Xen dom0 and root.
//! `scripts/test` builds this program on the machine and runs it with `--ignored` in
//! `scripts/xenbox`; `sudo -E cargo test --test on_xen -- --ignored` runs it on a dom0
//! of your own. Tests take turns, because each compares the whole host before and after.
//!
//! Guest images are looked for in `target/guests`, or where `LIGHTVM_GUESTS` says.

mod bad_input;
mod boot;
mod channel;
mod console;
mod fault_plan;
mod faults;
mod guests;
mod host;
mod identity;
mod life;
mod lvm;
mod names;
mod soak;
mod terminal;
