//! An interface as its network made it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use lightvm::config::Rate;
use macaddr::MacAddr6;
use noxs::control::Prefixed;
use serde::{Deserialize, Serialize};

use crate::network::Attached;
use crate::shard::DeviceId;
use crate::switch::{Lease, NetworkId, PortSpec};

/// All that a back end has to know of an interface. It is kept with the guest, so that a
/// daemon that comes after this one serves it in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetConfig {
    /// What it is attached to.
    pub attached: Attached,
    /// Its tap was there before it, and stays.
    #[serde(default)]
    pub keep_tap: bool,
    /// The network's number on the shards.
    pub network: NetworkId,
    /// The interface's MAC address.
    pub mac: MacAddr6,
    /// Its addresses with their prefixes; the first of each family is told to the guest.
    pub addresses: Vec<IpNet>,
    /// The gateway told to the guest.
    pub gateway4: Option<Ipv4Addr>,
    /// The IPv6 gateway told to the guest.
    pub gateway6: Option<Ipv6Addr>,
    /// Bytes of the largest IP packet.
    pub mtu: u16,
    /// Whether the guest may send only from these addresses.
    pub pinned: bool,
    /// The most it may send.
    pub rate: Option<Rate>,
    /// What it is told when it asks by DHCP, where the daemon answers.
    pub lease: Option<Lease>,
}

impl NetConfig {
    /// What stands about it in a noxs guest's device table.
    pub fn entry(&self) -> noxs::device::NetConfig {
        let ipv4 = self.addresses.iter().find_map(|net| match net {
            IpNet::V4(net) => Some(Prefixed { address: net.addr(), prefix: net.prefix_len() }),
            IpNet::V6(_) => None,
        });
        let ipv6 = self.addresses.iter().find_map(|net| match net {
            IpNet::V6(net) => Some(Prefixed { address: net.addr(), prefix: net.prefix_len() }),
            IpNet::V4(_) => None,
        });
        noxs::device::NetConfig {
            mac: self.mac.into_array(),
            mtu: self.mtu,
            ipv4,
            gateway4: self.gateway4,
            ipv6,
            gateway6: self.gateway6,
        }
    }

    /// The port it has in the switch.
    pub(super) fn port(&self, device: DeviceId) -> PortSpec {
        PortSpec {
            network: self.network,
            device,
            mac: self.mac,
            addresses: self.addresses.iter().map(IpNet::addr).collect::<Vec<IpAddr>>(),
            pinned: self.pinned,
            lease: self.lease.clone(),
        }
    }
}
