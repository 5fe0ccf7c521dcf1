//! The lightvm daemon: creates guests and serves their devices.
//!
//! A *control thread* answers the API and keeps the list of guests; *shard threads*
//! serve the guests' rings. A guest belongs to one shard, and no lock is shared by two
//! guests on the way of their data. `docs/architecture.md` is the map.

pub mod api;
pub mod background;
pub mod block;
pub mod channel;
pub mod config;
pub mod console;
pub mod daemon;
pub mod events;
pub mod facade;
pub mod guests;
pub mod kept;
pub mod log;
pub mod logfile;
pub mod mailbox;
pub mod metrics;
pub mod net;
pub mod network;
pub mod pool;
pub mod shard;
pub mod shells;
pub mod switch;
#[cfg(feature = "xenstore")]
pub mod xenstore;
