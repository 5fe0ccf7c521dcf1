//! A Xen toolstack that makes a virtual machine as cheap as a process.
//!
//! `docs/architecture.md` is the map of the code.

pub mod api;
pub mod build;
pub mod client;
pub mod config;
pub mod console;
pub mod create;
pub mod domain;
pub mod image;
pub mod lifecycle;
pub mod registry;
pub mod xen;
