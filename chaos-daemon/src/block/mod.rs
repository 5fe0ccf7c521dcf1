//! The block back end: virtual disks for guests, as Xen's `public/io/blkif.h` has them,
//! over raw image files and block devices.

pub mod backend;
pub mod buffer;
pub mod disk;
pub mod engine;

pub use backend::{Abi, BlockBackend, BlockOptions};
pub use disk::Disk;
pub use engine::{Completion, Engine, EngineOptions};
