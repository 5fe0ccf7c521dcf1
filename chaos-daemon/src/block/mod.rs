//! The block back end: virtual disks for guests, as Xen's `public/io/blkif.h` has them,
//! over raw image files and block devices.

pub mod backend;
pub mod buffer;
pub mod disk;
pub mod engine;

pub use backend::BlockBackend;
pub use engine::{Completion, Engine, EngineOptions};
