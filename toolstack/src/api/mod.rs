//! What the daemon and its clients say to each other: JSON over HTTP/1.1 on a Unix socket.
//!
//! `docs/api.md` lists the requests. The daemon and [`Client`](crate::client::Client) share these types;
//! a client in another language finds the same names in the JSON. Times are in milliseconds where
//! a name ends in `_ms` and in nanoseconds where it ends in `_ns`; sizes are in bytes.

mod device;
mod error;
mod guest;
mod host;
mod log;
mod network;
mod pool;

pub use device::{DeviceStats, DiskInfo, NicInfo, Stats};
pub use error::{ErrorAnswer, ErrorBody, ErrorCode};
pub use guest::{
    CreateAnswer, CreateRequest, DestroyQuery, GuestInfo, GuestSummary, RemoveQuery, RenameRequest,
    Report, StopAnswer, StopOutcome, StopRequest, Wait,
};
pub use host::HostInfo;
pub use log::{LogRecord, LogRecords};
pub use network::{NetworkInfo, NetworkSpec, Uplink};
pub use pool::{Built, FlavourInfo, FlavourOrigin, PoolInfo};

/// Where the daemon listens unless said otherwise.
pub const DEFAULT_SOCKET: &str = "/run/lightvm/chaosd.sock";

/// The first part of every path.
pub const PREFIX: &str = "/v1";

/// The protocol named in the `Upgrade` header of a console: raw bytes both ways from then on.
pub const CONSOLE_PROTOCOL: &str = "lightvm-console";
