//! A Xen toolstack that makes a virtual machine as cheap as a process.
//!
//! `docs/architecture.md` is the map of the code.

pub mod config;
pub mod image;
pub mod xen;
