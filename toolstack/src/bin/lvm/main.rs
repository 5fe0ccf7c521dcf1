//! `lvm`: creates, runs and destroys guests on a Xen dom0.
//!
//! `args` says what can be typed, `app` what every verb needs, and each verb has a
//! file of its name. `docs/lvm.md` describes them all.
//!
//! `start` is what runs before them, and why the standard library's does not.

#![cfg_attr(not(test), no_main)]

mod app;
mod args;
mod block;
mod completions;
mod console;
mod create;
mod destroy;
mod dmesg;
mod events;
mod exit;
mod failure;
mod info;
mod input;
mod left;
mod list;
mod log;
mod man;
mod net;
mod network;
mod output;
mod pause;
mod pool;
mod progress;
mod rename;
mod sched_credit2;
mod session;
mod shutdown;
mod signals;
mod start;
mod stats;
mod target;
mod terminal;
mod vcpu_pin;
mod viewer;
