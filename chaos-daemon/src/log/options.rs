//! What an administrator says about guests' log records.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// The part `[log]` of the daemon's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where to send records as RFC 5424 syslog: `unix:/dev/log`, `udp:host:514`.
    pub syslog: Option<Target>,
    /// The facility they are sent with.
    pub facility: Facility,
    /// Whether to write them to `records.log`, as syslog lines.
    pub file: bool,
    /// Whether to write them to `records-json.log`, one JSON object in a line.
    pub json: bool,
    /// Bytes of each of these files; the one before it is kept too.
    pub file_bytes: u64,
    /// Records a guest may write in a second, on average.
    pub rate: u64,
    /// Records it may write at once.
    pub burst: u64,
    /// Records of each guest that the daemon keeps for its clients.
    pub keep: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            syslog: None,
            facility: Facility::default(),
            file: true,
            json: false,
            file_bytes: 8 << 20,
            rate: 100,
            burst: 500,
            keep: 256,
        }
    }
}

/// A receiver of syslog messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A Unix datagram socket.
    Unix(PathBuf),
    /// A host and a UDP port.
    Udp(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Target::Unix(path.into())),
            Some(("udp", host)) if host.contains(':') => Ok(Target::Udp(host.to_owned())),
            _ => Err(format!("`{text}` is neither unix:/PATH nor udp:HOST:PORT")),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
            Target::Udp(host) => write!(f, "udp:{host}"),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Target, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Which part of the system syslog takes records for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are syslog's")]
pub enum Facility {
    User,
    Daemon,
    #[default]
    Local0,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

impl From<Facility> for syslog_fmt::Facility {
    fn from(facility: Facility) -> Self {
        match facility {
            Facility::User => Self::User,
            Facility::Daemon => Self::Daemon,
            Facility::Local0 => Self::Local0,
            Facility::Local1 => Self::Local1,
            Facility::Local2 => Self::Local2,
            Facility::Local3 => Self::Local3,
            Facility::Local4 => Self::Local4,
            Facility::Local5 => Self::Local5,
            Facility::Local6 => Self::Local6,
            Facility::Local7 => Self::Local7,
        }
    }
}
