//! Guests made known to the host's XenStore (`control = "xenstore"`): stock `xl list` and
//! `xl console` see them, and the kernel's own netback and blkback serve their devices.
//!
//! [`entries`] is pure: what the store must say of a guest. [`store`] speaks to xenstored,
//! [`hotplug`] does what other toolstacks leave to scripts, [`guest`] and `devices` put it
//! together and [`ends`] hears of guests that ended.
//!
//! Plain reads, writes and removals go through `xenstore-rs`, which is GPL-3.0-only: hence the
//! cargo feature.

mod consoled;
mod devices;
pub mod ends;
pub mod entries;
mod error;
pub mod guest;
pub mod hotplug;
mod made;
pub mod store;

pub use ends::watch_ends;
pub use entries::{Disk, Guest, Nic, Ring};
pub use error::{HotplugError, StoreError, XenStoreError};
pub use guest::XenStore;
