//! The options of `lvm network`.

use clap::{Args, Subcommand};
use ipnet::{Ipv4Net, Ipv6Net};
use lightvm::api::{NetworkSpec, Uplink};

use super::help;

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum NetworkVerb {
    /// Make a network
    #[command(after_help = help::NETWORK_CREATE)]
    Create(NetworkCreateArgs),
    /// List networks
    #[command(visible_alias = "ls")]
    List,
    /// Take networks away that no guest is attached to
    Delete(NetworkDeleteArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct NetworkCreateArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Attach it to this bridge of the host
    #[arg(long, value_name = "BRIDGE", conflicts_with_all = ["routed", "nat"])]
    pub(crate) bridge: Option<String>,
    /// Let the host route for it
    #[arg(long)]
    pub(crate) routed: bool,
    /// Let the host route for it and translate its addresses to the host's own
    #[arg(long, conflicts_with = "routed")]
    pub(crate) nat: bool,
    /// Its IPv4 addresses, with the host's own, as in 10.0.0.1/24
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    pub(crate) subnet4: Option<Ipv4Net>,
    /// Its IPv6 addresses, with the host's own, as in fd00::1/64
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    pub(crate) subnet6: Option<Ipv6Net>,
    /// Give addresses to guests that ask by DHCP
    #[arg(long, requires = "subnet4")]
    pub(crate) dhcp: bool,
    /// The largest IP packet, in bytes [default: 1500]
    #[arg(long, value_name = "BYTES")]
    pub(crate) mtu: Option<u16>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct NetworkDeleteArgs {
    /// Networks, by name
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

impl From<&NetworkCreateArgs> for NetworkSpec {
    fn from(args: &NetworkCreateArgs) -> Self {
        let uplink = match &args.bridge {
            Some(bridge) => Uplink::Bridge { bridge: bridge.clone() },
            None if args.routed || args.nat => Uplink::Routed { nat: args.nat },
            None => Uplink::None,
        };
        NetworkSpec {
            name: args.name.clone(),
            uplink,
            subnet4: args.subnet4,
            subnet6: args.subnet6,
            dhcp: args.dhcp,
            mtu: args.mtu,
        }
    }
}
