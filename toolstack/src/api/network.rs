//! Networks that guests are attached to.

use ipnet::{Ipv4Net, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /v1/networks`: make a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Its name: 1 to 63 ASCII letters, digits, `.`, `_` and `-`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{1,63}$"))]
    pub name: String,
    /// How it reaches the world.
    #[serde(default)]
    pub uplink: Uplink,
    /// Its IPv4 addresses, with the host's own: `10.0.0.1/24`. Guests that name no address get
    /// one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = r"^[0-9.]+/[0-9]{1,2}$"))]
    pub subnet4: Option<Ipv4Net>,
    /// Its IPv6 addresses, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$"))]
    pub subnet6: Option<Ipv6Net>,
    /// Whether guests are given addresses by DHCP too, for those that ask.
    #[serde(default)]
    pub dhcp: bool,
    /// The largest IP packet, in bytes; without it 1500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// How a network reaches the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Uplink {
    /// Not at all: its guests reach each other.
    #[default]
    None,
    /// Through a tap device on a bridge of the host.
    Bridge {
        /// The bridge.
        bridge: String,
    },
    /// Through the host, which has an address in it and routes.
    Routed {
        /// Whether the host translates its guests' addresses to its own.
        #[serde(default)]
        nat: bool,
    },
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkInfo {
    /// What it was made from.
    #[serde(flatten)]
    pub spec: NetworkSpec,
    /// The host's end of its uplink, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// How many interfaces of guests are attached to it.
    pub ports: u32,
}
