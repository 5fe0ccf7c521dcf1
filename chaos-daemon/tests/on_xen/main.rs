//! The daemon on real Xen.
//!
//! Every test here is ignored by a plain `cargo test`: it needs a Xen dom0 and root.
//! `scripts/test` builds this program on the machine and runs it with `--ignored` in
//! `scripts/xenbox`.

mod api;
mod block;
mod contain;
mod debian;
mod facade;
#[path = "../../../toolstack/tests/on_xen/fault_plan.rs"]
mod fault_plan;
mod faults;
mod harness;
mod hostile;
mod hotplug;
mod leaks;
mod life;
mod limits;
mod native;
mod network;
mod pool;
mod restart;
mod scheduler;
mod service;
mod shards;
mod soak;
mod verbs;
