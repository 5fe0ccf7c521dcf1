//! What the daemon and its clients say to each other: JSON over HTTP/1.1 on a Unix socket.
//!
//! `docs/api.md` lists the requests. The daemon and [`Client`](crate::client::Client) share these types;
//! a client in another language finds the same names in the JSON. Times are in milliseconds where
//! a name ends in `_ms` and in nanoseconds where it ends in `_ns`; sizes are in bytes.

use std::time::Duration;

mod device;
mod error;
mod event;
mod guest;
mod host;
mod log;
mod network;
mod pool;
mod query;

pub use device::{DeviceStats, DiskInfo, NicInfo, Stats};
pub use error::{ErrorAnswer, ErrorBody, ErrorCode};
pub use event::{Event, EventGuest, Happened};
pub use guest::{
    BatchAnswer, BatchRequest, BatchResult, CreateAnswer, CreateRequest, GuestInfo, GuestSummary,
    MAX_BATCH, RenameRequest, Report, StopAnswer, StopOutcome, StopRequest, Wait,
};
pub use host::{HostInfo, HostMemory};
pub use log::{LogRecord, LogRecords};
pub use network::{NetworkInfo, NetworkSpec, Uplink};
pub use pool::{Built, FlavourInfo, FlavourOrigin, FlavourSpec, PoolInfo};
pub use query::{ConsoleQuery, DestroyQuery, EventsQuery, RemoveQuery};

/// Where the daemon listens unless said otherwise.
pub const DEFAULT_SOCKET: &str = "/run/lightvm/chaosd.sock";

/// The first part of every path.
pub const PREFIX: &str = "/v1";

/// The header with a client's key of a creation: 1 to [`MAX_KEY`] visible ASCII characters. The
/// daemon makes one guest for a key, however often it is asked to.
pub const KEY_HEADER: &str = "idempotency-key";

/// The most characters of a key.
pub const MAX_KEY: usize = 128;

/// How long the daemon remembers a key, over its restarts too.
pub const KEY_TIME: Duration = Duration::from_secs(600);

/// How many keys the daemon remembers: the last ones.
pub const KEYS_KEPT: usize = 8192;

/// The protocol named in the `Upgrade` header of a console: raw bytes both ways from then on.
pub const CONSOLE_PROTOCOL: &str = "lightvm-console";
