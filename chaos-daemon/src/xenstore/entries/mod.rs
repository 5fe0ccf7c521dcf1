//! What the store says of a guest, as pure data.
//!
//! Names, values and permissions are those that Xen's own toolstack writes (`xenstore-paths`,
//! `xenstore-ls -fp` next to a guest of `xl`), as far as `xl`, xenconsoled and the kernels of
//! guest and host read them.

mod device;
mod guest;
pub mod path;
mod tree;

#[cfg(test)]
mod tests;

pub use device::{Disk, Nic, disk, nic};
pub use guest::{Guest, Ring, names};
pub use tree::{Access, Entry, Tree};
