//! Guest configuration: our own TOML, `xl.cfg` files as they are, and command-line flags.
//!
//! Every input is read into the same partial description, [`GuestOverrides`]; descriptions are
//! laid over each other (flags over `key=value` assignments over the file) and checked once into
//! a [`GuestConfig`], the only thing the builders accept. Nothing here touches Xen.
//!
//! ```text
//! guest.toml ─┐
//! guest.cfg  ─┼─> GuestOverrides + where each key was set ──check──> GuestConfig + warnings
//! flags      ─┘
//! ```
//!
//! `docs/configuration.md` describes every key.

mod action;
mod check;
pub(crate) mod compact;
mod control;
mod cpus;
mod device;
mod devices;
mod error;
mod footprint;
mod guest;
mod guest_type;
mod key;
mod layer;
mod loader;
mod memory;
mod name;
mod overrides;
mod suggest;
mod text;
mod toml_format;
mod tsc;
mod value;
mod xl;

#[cfg(test)]
mod tests;

pub use action::{Action, ActionError};
pub use control::{ControlMode, ControlModeError};
pub use cpus::{CpuAffinity, CpuSet, CpuSetError, HostCpus};
pub use device::{DeviceError, Disk, DiskRate, MAX_DEVICES, Nic, Rate, Vdev};
pub use error::{ConfigError, Location, Origin, Refusal, SyntaxError, ValueError, Warning};
pub use footprint::footprint;
pub use guest::GuestConfig;
pub use guest_type::{GuestType, GuestTypeError};
pub use key::Key;
pub use loader::{ConfigFormat, Loaded, Loader, MAX_CONFIG_BYTES};
pub use memory::{MemSize, MemSizeError};
pub use name::{GuestName, NameError};
pub use overrides::GuestOverrides;
pub use tsc::{TscMode, TscModeError};
pub use xl::keys::{Treatment, XL_KEYS, XlKey};
