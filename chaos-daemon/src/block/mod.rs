//! The block back end: virtual disks for guests, as Xen's `public/io/blkif.h` has them,
//! over raw image files and block devices.

mod arena;
pub mod backend;
pub mod buffer;
pub mod disk;
pub mod engine;
pub mod limit;
pub mod offer;
pub mod piece;
pub mod request;
mod ring;
pub mod stats;
mod window;

pub use backend::{Abi, BlockBackend, BlockOptions};
pub use disk::{Disk, DiskError, DiskSpec};
pub use engine::{Completion, Engine, EngineOptions};
pub use limit::DiskRate;
pub use offer::Offer;
pub use stats::BlockStats;
