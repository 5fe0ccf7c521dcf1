//! Domain builders: how a guest's memory is laid out and filled.
//!
//! `memory` gives a domain its pages, `pvh` and `pv` fill them for the two kinds
//! of guest, `channel` is what its host talks to it through, `acpi` makes the tables a PVH guest finds its vCPUs with.

mod acpi;
pub(crate) mod channel;
mod error;
pub(crate) mod memory;
pub(crate) mod pv;
pub(crate) mod pvh;
mod writes;

pub use channel::{Channel, ChannelSpec, Control, Pages, RingSpec};
pub use error::BuildError;

use crate::image::{Kernel, Ramdisk};

/// What is loaded into a shell to make it a guest.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// The initial RAM disk, if any.
    pub ramdisk: Option<&'a Ramdisk>,
    /// The kernel's command line, without a NUL.
    pub cmdline: &'a str,
}

/// Where the guest's end of the PV console is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ConsoleRing {
    /// Its frame, as foreign mappings count: a gfn for PVH, an mfn for PV.
    pub frame: u64,
    /// The guest's event channel port.
    pub port: u32,
}
