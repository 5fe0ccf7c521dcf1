//! What a guest may say it is: the addresses pinned to its port, and the check of every
//! frame it sends against them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use macaddr::MacAddr6;

use super::frame::{self, Arp, Ethernet, Ipv4, Ipv6, Malformed, ethertype, protocol};

/// Why a frame did not leave its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spoof {
    /// Not the guest's own MAC address as source.
    #[error("source MAC address not the guest's")]
    Mac,
    /// ARP in the name of another.
    #[error("ARP in the name of another")]
    Arp,
    /// An IPv4 source address that is not the guest's.
    #[error("IPv4 source address not the guest's")]
    Ipv4,
    /// An IPv6 source address that is not the guest's.
    #[error("IPv6 source address not the guest's")]
    Ipv6,
    /// Neighbour discovery in the name of another, or of a router.
    #[error("neighbour discovery in the name of another")]
    Neighbour,
    /// An answer as only a DHCP server gives.
    #[error("DHCP answer from a guest")]
    Dhcp,
    /// A VLAN tag or a protocol that cannot be checked.
    #[error("protocol that is not passed on")]
    Protocol,
    /// Headers that contradict each other.
    #[error("malformed headers")]
    Malformed,
}

impl From<Malformed> for Spoof {
    fn from(_: Malformed) -> Self {
        Spoof::Malformed
    }
}

/// The addresses that are pinned to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    mac: MacAddr6,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
    /// Without addresses only MAC addresses are checked.
    addresses: bool,
}

mod icmp6 {
    pub(super) const MLD_QUERY: u8 = 130;
    pub(super) const MLD_REPORT: u8 = 131;
    pub(super) const MLD_DONE: u8 = 132;
    pub(super) const ROUTER_SOLICITATION: u8 = 133;
    pub(super) const ROUTER_ADVERTISEMENT: u8 = 134;
    pub(super) const NEIGHBOUR_SOLICITATION: u8 = 135;
    pub(super) const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    pub(super) const REDIRECT: u8 = 137;
    pub(super) const MLD2_REPORT: u8 = 143;
}

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCP6_SERVER: u16 = 547;

/// The link-local address that a device with this MAC address gives itself (RFC 4291, appendix A).
pub fn link_local(mac: MacAddr6) -> Ipv6Addr {
    let m = mac.into_array();
    let low = [m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]];
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..].copy_from_slice(&low);
    octets.into()
}

impl Pins {
    /// Pins `mac` and, unless there are none, `addresses`, besides the IPv6 link-local
    /// address that follows from `mac`.
    pub fn new(mac: MacAddr6, addresses: &[IpAddr]) -> Pins {
        let mut pins =
            Pins { mac, v4: vec![], v6: vec![link_local(mac)], addresses: !addresses.is_empty() };
        for address in addresses {
            match *address {
                IpAddr::V4(v4) => pins.v4.push(v4),
                IpAddr::V6(v6) => pins.v6.push(v6),
            }
        }
        pins
    }

    /// The pinned MAC address.
    pub fn mac(&self) -> MacAddr6 {
        self.mac
    }

    /// The pinned IPv4 addresses.
    pub fn v4(&self) -> &[Ipv4Addr] {
        &self.v4
    }

    /// Whether the guest may send `frame`.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn check(&self, frame: &[u8]) -> Result<(), Spoof> {
        let ethernet = Ethernet::read(frame)?;
        if ethernet.source != self.mac {
            return Err(Spoof::Mac);
        }
        let payload = &frame[frame::ETHERNET..];
        match ethernet.ethertype {
            ethertype::IPV4 => self.check_v4(payload),
            ethertype::IPV6 => self.check_v6(payload),
            ethertype::ARP => self.check_arp(payload),
            ethertype::VLAN | ethertype::SERVICE_VLAN => Err(Spoof::Protocol),
            _ if self.addresses => Err(Spoof::Protocol),
            _ => Ok(()),
        }
    }

    fn check_arp(&self, payload: &[u8]) -> Result<(), Spoof> {
        let arp = Arp::read(payload)?;
        let probe = arp.operation == 1 && arp.sender.is_unspecified();
        let own = !self.addresses || probe || self.v4.contains(&arp.sender);
        if arp.sender_mac == self.mac && own { Ok(()) } else { Err(Spoof::Arp) }
    }

    fn check_v4(&self, payload: &[u8]) -> Result<(), Spoof> {
        let ip = Ipv4::read(payload)?;
        let ports = udp_ports(ip.protocol, ip.later_fragment, payload, ip.header)?;
        if ports.is_some_and(|(from, _)| from == DHCP_SERVER) {
            return Err(Spoof::Dhcp);
        }
        if !self.addresses || self.v4.contains(&ip.source) {
            return Ok(());
        }
        let asks_for_address = ip.source.is_unspecified()
            && ip.destination.is_broadcast()
            && ports == Some((DHCP_CLIENT, DHCP_SERVER));
        if asks_for_address { Ok(()) } else { Err(Spoof::Ipv4) }
    }

    fn check_v6(&self, payload: &[u8]) -> Result<(), Spoof> {
        let ip = Ipv6::read(payload)?;
        let ports = udp_ports(ip.protocol, ip.later_fragment, payload, ip.header)?;
        if ports.is_some_and(|(from, _)| from == DHCP6_SERVER) {
            return Err(Spoof::Dhcp);
        }
        let message = match ip.protocol {
            // A fragmented one would be judged by half (RFC 6980 forbids it in any case).
            protocol::ICMP6 if ip.fragment => return Err(Spoof::Neighbour),
            protocol::ICMP6 => Some(payload.get(ip.header..ip.total).ok_or(Malformed)?),
            _ => None,
        };
        if let Some(message) = message {
            self.check_icmp6(message)?;
        }
        if !self.addresses || self.v6.contains(&ip.source) {
            return Ok(());
        }
        let kind = message.and_then(|m| m.first().copied());
        let before_address = ip.source.is_unspecified()
            && matches!(
                kind,
                Some(
                    icmp6::NEIGHBOUR_SOLICITATION
                        | icmp6::ROUTER_SOLICITATION
                        | icmp6::MLD_REPORT
                        | icmp6::MLD_DONE
                        | icmp6::MLD2_REPORT
                )
            );
        if before_address { Ok(()) } else { Err(Spoof::Ipv6) }
    }

    fn check_icmp6(&self, message: &[u8]) -> Result<(), Spoof> {
        let kind = *message.first().ok_or(Malformed)?;
        let (options, claims) = match kind {
            icmp6::ROUTER_ADVERTISEMENT | icmp6::REDIRECT | icmp6::MLD_QUERY => {
                return Err(Spoof::Neighbour);
            }
            icmp6::ROUTER_SOLICITATION => (8, None),
            icmp6::NEIGHBOUR_SOLICITATION => (24, None),
            icmp6::NEIGHBOUR_ADVERTISEMENT => {
                let target: [u8; 16] =
                    message.get(8..24).and_then(|t| t.try_into().ok()).ok_or(Malformed)?;
                (24, Some(Ipv6Addr::from(target)))
            }
            _ => return Ok(()),
        };
        if claims.is_some_and(|target| self.addresses && !self.v6.contains(&target)) {
            return Err(Spoof::Neighbour);
        }
        self.check_options(message.get(options..).ok_or(Malformed)?)
    }

    /// Link-layer addresses among neighbour discovery options must be the guest's own.
    fn check_options(&self, mut options: &[u8]) -> Result<(), Spoof> {
        const SOURCE: u8 = 1;
        const TARGET: u8 = 2;
        while let [kind, units, ..] = *options {
            let len = usize::from(units) * 8;
            if len == 0 || len > options.len() {
                return Err(Spoof::Malformed);
            }
            if matches!(kind, SOURCE | TARGET) && options[2..8] != *self.mac.as_bytes() {
                return Err(Spoof::Neighbour);
            }
            options = &options[len..];
        }
        Ok(())
    }
}

/// Source and destination port, where `packet` has UDP's.
fn udp_ports(
    proto: u8,
    later_fragment: bool,
    packet: &[u8],
    at: usize,
) -> Result<Option<(u16, u16)>, Malformed> {
    if proto != protocol::UDP || later_fragment {
        return Ok(None);
    }
    let ports = packet.get(at..at + 4).ok_or(Malformed)?;
    let port = |i| u16::from_be_bytes([ports[i], ports[i + 1]]);
    Ok(Some((port(0), port(2))))
}

#[cfg(test)]
#[path = "pins_tests.rs"]
mod tests;
