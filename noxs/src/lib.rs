//! The control channel between a guest and its host: one shared page instead of XenStore,
//! and the rings of Xen's devices.
//!
//! The same code serves both sides. Nothing here allocates, and nothing ever holds a Rust
//! reference to memory that the other side can write: every access is a copy or an atomic
//! operation on a [`SharedMemory`].
#![no_std]

pub mod block;
mod bytes;
pub mod console;
pub mod control;
pub mod device;
pub mod doorbell;
pub mod identity;
pub mod layout;
mod lie;
pub mod log;
mod memory;
pub mod net;
pub mod page;
pub mod ring;

#[cfg(test)]
extern crate std;
#[cfg(test)]
mod heap;

pub use lie::{Busy, Lie, Refusal};
pub use memory::{RawShared, SharedMemory, volatile};

#[cfg(target_endian = "big")]
compile_error!("the page is little endian and its words are accessed as they are");
