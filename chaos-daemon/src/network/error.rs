//! What can be wrong with networks.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use lightvm::api::ErrorCode;
use macaddr::MacAddr6;
use thiserror::Error;

/// Why something could not be done with a network. Every message says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// No network has this name.
    #[error("there is no network `{0}`: make it with `lvm network create {0}`")]
    NotFound(String),
    /// There is a network with this name.
    #[error("there is a network `{0}` already")]
    Taken(String),
    /// Guests are attached to it.
    #[error(
        "network `{name}` has {ports} interfaces of guests: detach them or destroy the guests first"
    )]
    InUse {
        /// The network.
        name: String,
        /// Interfaces attached to it.
        ports: usize,
    },
    /// The name is not allowed.
    #[error("`{0}` cannot be a network's name: 1 to 63 ASCII letters, digits, `.`, `_` and `-`")]
    Name(String),
    /// The description contradicts itself.
    #[error("network `{name}`: {problem}")]
    Spec {
        /// The network.
        name: String,
        /// What to change.
        problem: &'static str,
    },
    /// The MAC address is in use on this network.
    #[error("MAC address {0} is in use on this network: give the interface another")]
    MacTaken(MacAddr6),
    /// A group's address cannot be a device's.
    #[error("MAC address {0} is a group's: give the interface one whose first byte is even")]
    MacGroup(MacAddr6),
    /// The IP address is in use on this network.
    #[error("address {0} is in use on this network: give the interface another")]
    AddressTaken(IpAddr),
    /// The IP address does not belong to the network.
    #[error("address {address} is outside of network `{network}`: give the interface another")]
    AddressOutside {
        /// The address.
        address: IpAddr,
        /// The network.
        network: String,
    },
    /// All addresses are taken.
    #[error("network `{0}` has no address left: make one with a larger subnet")]
    Exhausted(String),
    /// There is no such device.
    #[error("the host has no network device `{0}`")]
    NoDevice(String),
    /// A tap could not be made or opened.
    #[error("tap device `{name}`: {source} (a tap made by hand needs `multi_queue vnet_hdr`)")]
    Tap {
        /// The device.
        name: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The host's network could not be changed.
    #[error("cannot {what}: {source}")]
    Host {
        /// What was to be done.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Addresses cannot be translated.
    #[error(
        "cannot set up address translation with nft: {0} (is the package `nftables` installed?)"
    )]
    Nat(String),
    /// A file of the daemon's cannot be used.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl NetworkError {
    /// The kind of error, for the API.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            NetworkError::NotFound(_) => ErrorCode::NotFound,
            NetworkError::Taken(_) | NetworkError::MacTaken(_) | NetworkError::AddressTaken(_) => {
                ErrorCode::Taken
            }
            NetworkError::InUse { .. } => ErrorCode::Conflict,
            NetworkError::Name(_)
            | NetworkError::Spec { .. }
            | NetworkError::MacGroup(_)
            | NetworkError::AddressOutside { .. }
            | NetworkError::NoDevice(_) => ErrorCode::BadInput,
            NetworkError::Exhausted(_) => ErrorCode::NoResources,
            NetworkError::Nat(_) => ErrorCode::Unsupported,
            NetworkError::Tap { .. } | NetworkError::Host { .. } | NetworkError::File { .. } => {
                ErrorCode::Internal
            }
        }
    }

    pub(super) fn host(what: impl Into<String>) -> impl FnOnce(io::Error) -> NetworkError {
        let what = what.into();
        move |source| NetworkError::Host { what, source }
    }
}
