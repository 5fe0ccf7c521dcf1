//! The daemon's configuration file, `/etc/lightvm/chaosd.toml`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use thiserror::Error;

use crate::{api, console, log, pool};

/// Where the file is unless said otherwise. It need not exist.
pub const DEFAULT_PATH: &str = "/etc/lightvm/chaosd.toml";

/// Shards a daemon starts at most unless it is told a number.
const DEFAULT_SHARDS: usize = 8;

/// What the daemon is told by its administrator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonConfig {
    /// The API's socket.
    pub socket: PathBuf,
    /// Group whose members may use the socket, besides root.
    pub group: Option<String>,
    /// Group whose members may look and change nothing.
    pub readers: Option<String>,
    /// The API's limits.
    pub api: api::Options,
    /// Where the registry and the daemon's own records are.
    pub state: PathBuf,
    /// Where networks are kept over boots.
    pub networks: PathBuf,
    /// Where consoles' logs are.
    pub logs: PathBuf,
    /// Threads that serve guests; as many as CPUs, 8 at most, unless said.
    pub shards: Option<NonZeroUsize>,
    /// Guests' consoles.
    pub console: console::Options,
    /// Guests' log records.
    pub log: log::Options,
    /// Shells that are built in advance.
    pub pool: pool::Options,
}

impl Default for DaemonConfig {
    fn default() -> Self {
        DaemonConfig {
            socket: "/run/lightvm/chaosd.sock".into(),
            group: None,
            readers: None,
            api: api::Options::default(),
            state: "/run/lightvm".into(),
            networks: "/var/lib/lightvm/networks".into(),
            logs: "/var/log/lightvm".into(),
            shards: None,
            console: console::Options::default(),
            log: log::Options::default(),
            pool: pool::Options::default(),
        }
    }
}

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It says something wrong.
    #[error("{path}: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What, with the line.
        source: Box<toml::de::Error>,
    },
}

impl DaemonConfig {
    /// Reads the file at `path`; without one, that at [`DEFAULT_PATH`] if it exists.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: Option<&Path>) -> Result<DaemonConfig, ConfigError> {
        let file = path.unwrap_or(Path::new(DEFAULT_PATH));
        match fs::read_to_string(file) {
            Ok(text) => toml::from_str(&text)
                .map_err(|e| ConfigError::Parse { path: file.to_owned(), source: Box::new(e) }),
            Err(e) if path.is_none() && e.kind() == io::ErrorKind::NotFound => {
                Ok(DaemonConfig::default())
            }
            Err(source) => Err(ConfigError::Read { path: file.to_owned(), source }),
        }
    }

    /// How many shards to start.
    pub fn shard_count(&self) -> usize {
        let cpus = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.shards.map_or_else(|| cpus().min(DEFAULT_SHARDS), NonZeroUsize::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<DaemonConfig, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        DaemonConfig::load(Some(file.path()))
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        assert_eq!(load("").unwrap(), DaemonConfig::default());
        let config = load("shards = 3\ngroup = 'adm'").unwrap();
        assert_eq!(config.shard_count(), 3);
        assert_eq!(config.group.as_deref(), Some("adm"));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for wrong in ["\nshards = 0", "\nsockt = '/x'", "\nsocket = 7"] {
            let error = load(wrong).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}
