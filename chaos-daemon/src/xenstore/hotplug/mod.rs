//! What other toolstacks leave to scripts: a network device joins its bridge, a disk's file
//! becomes a block device, and the kernel's back ends are told.

pub mod disk;
mod kernel;
pub mod link;
mod loop_device;
mod stats;

pub use kernel::{await_gone, is_loaded};
pub use stats::stats;
