//! Reading frames. Every field is checked for lying inside the frame before it is read;
//! what cannot be read is [`Malformed`].
//!
//! Layouts: Ethernet II and IEEE 802.1Q; ARP RFC 826; IPv4 RFC 791; IPv6 RFC 8200;
//! neighbour discovery RFC 4861.

use std::net::{Ipv4Addr, Ipv6Addr};

use macaddr::MacAddr6;

/// Bytes of an Ethernet header.
pub const ETHERNET: usize = 14;

/// `EtherType` numbers.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// A customer VLAN tag follows.
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// A service VLAN tag follows.
    pub const SERVICE_VLAN: u16 = 0x88a8;
}

/// IP protocol numbers.
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// ICMPv6.
    pub const ICMP6: u8 = 58;
    /// IPv6 destination options.
    pub const DESTINATION: u8 = 60;
}

/// Most IPv6 extension headers that are followed.
const MAX_EXTENSIONS: usize = 8;

/// The frame does not hold what its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame is cut short or its headers contradict each other")]
pub struct Malformed;

type Read<T> = Result<T, Malformed>;

fn bytes<const N: usize>(data: &[u8], at: usize) -> Read<[u8; N]> {
    let end = at.checked_add(N).ok_or(Malformed)?;
    data.get(at..end).and_then(|s| s.try_into().ok()).ok_or(Malformed)
}

fn word(data: &[u8], at: usize) -> Read<u16> {
    bytes(data, at).map(u16::from_be_bytes)
}

/// The addresses and kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// Who it is for.
    pub destination: MacAddr6,
    /// Who says it sent it.
    pub source: MacAddr6,
    /// What follows, one of [`ethertype`].
    pub ethertype: u16,
}

impl Ethernet {
    /// Reads the first [`ETHERNET`] bytes of `frame`.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn read(frame: &[u8]) -> Read<Ethernet> {
        let header: [u8; ETHERNET] = bytes(frame, 0)?;
        Ok(Ethernet {
            destination: mac(bytes(&header, 0)?),
            source: mac(bytes(&header, 6)?),
            ethertype: word(&header, 12)?,
        })
    }
}

fn mac(bytes: [u8; 6]) -> MacAddr6 {
    MacAddr6::from(bytes)
}

/// Whether `mac` addresses a group: broadcast is one.
pub fn is_group(mac: MacAddr6) -> bool {
    mac.as_bytes()[0] & 1 != 0
}

/// Whether `mac` is one of the addresses that no bridge forwards (IEEE 802.1D, table 7-10).
pub fn is_reserved(mac: MacAddr6) -> bool {
    matches!(mac.as_bytes(), [0x01, 0x80, 0xc2, 0x00, 0x00, last] if last & 0xf0 == 0)
}

/// An ARP message between Ethernet and IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Who says it sent it.
    pub sender_mac: MacAddr6,
    /// The address it claims.
    pub sender: Ipv4Addr,
    /// The address it asks for.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Reads what follows the Ethernet header of an ARP frame.
    ///
    /// # Errors
    /// When it is cut short or about other kinds of addresses.
    pub fn read(payload: &[u8]) -> Read<Arp> {
        if bytes::<6>(payload, 0)? != [0, 1, 0x08, 0x00, 6, 4] {
            return Err(Malformed);
        }
        Ok(Arp {
            operation: word(payload, 6)?,
            sender_mac: mac(bytes(payload, 8)?),
            sender: bytes::<4>(payload, 14)?.into(),
            target: bytes::<4>(payload, 24)?.into(),
        })
    }
}

/// An IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Who says it sent it.
    pub source: Ipv4Addr,
    /// Who it is for.
    pub destination: Ipv4Addr,
    /// What follows, one of [`protocol`].
    pub protocol: u8,
    /// Bytes of this header.
    pub header: usize,
    /// Bytes of header and payload.
    pub total: usize,
    /// Not the first part of a packet that was cut: no transport header follows.
    pub later_fragment: bool,
    /// A part of a packet that was cut.
    pub fragment: bool,
}

impl Ipv4 {
    /// Reads what follows the Ethernet header of an IPv4 frame.
    ///
    /// # Errors
    /// When a length contradicts another or the packet.
    pub fn read(payload: &[u8]) -> Read<Ipv4> {
        let fixed: [u8; 20] = bytes(payload, 0)?;
        let header = usize::from(fixed[0] & 0xf) * 4;
        let total = usize::from(word(&fixed, 2)?);
        let cut = word(&fixed, 6)?;
        if fixed[0] >> 4 != 4 || header < 20 || total < header || total > payload.len() {
            return Err(Malformed);
        }
        Ok(Ipv4 {
            source: bytes::<4>(&fixed, 12)?.into(),
            destination: bytes::<4>(&fixed, 16)?.into(),
            protocol: fixed[9],
            header,
            total,
            later_fragment: cut & 0x1fff != 0,
            fragment: cut & 0x3fff != 0,
        })
    }
}

/// An IPv6 header and the extension headers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// Who says it sent it.
    pub source: Ipv6Addr,
    /// Who it is for.
    pub destination: Ipv6Addr,
    /// What follows the headers, one of [`protocol`].
    pub protocol: u8,
    /// Bytes of all headers before that.
    pub header: usize,
    /// Bytes of headers and payload.
    pub total: usize,
    /// Not the first part of a packet that was cut.
    pub later_fragment: bool,
    /// A part of a packet that was cut.
    pub fragment: bool,
}

impl Ipv6 {
    /// Reads what follows the Ethernet header of an IPv6 frame.
    ///
    /// # Errors
    /// When a length contradicts the packet, or more than 8 extension headers come.
    pub fn read(payload: &[u8]) -> Read<Ipv6> {
        let fixed: [u8; 40] = bytes(payload, 0)?;
        let total = 40 + usize::from(word(&fixed, 4)?);
        if fixed[0] >> 4 != 6 || total > payload.len() {
            return Err(Malformed);
        }
        let mut ip = Ipv6 {
            source: bytes::<16>(&fixed, 8)?.into(),
            destination: bytes::<16>(&fixed, 24)?.into(),
            protocol: fixed[6],
            header: 40,
            total,
            later_fragment: false,
            fragment: false,
        };
        ip.follow(&payload[..total])?;
        Ok(ip)
    }

    /// Steps over the extension headers.
    fn follow(&mut self, packet: &[u8]) -> Read<()> {
        for _ in 0..MAX_EXTENSIONS {
            let [next, len, cut @ ..]: [u8; 4] = match self.protocol {
                protocol::HOP_BY_HOP
                | protocol::ROUTING
                | protocol::FRAGMENT
                | protocol::DESTINATION => bytes(packet, self.header)?,
                _ => return Ok(()),
            };
            if self.protocol == protocol::FRAGMENT {
                self.fragment = true;
                self.later_fragment |= u16::from_be_bytes(cut) & 0xfff8 != 0;
                self.header += 8;
            } else {
                self.header += (usize::from(len) + 1) * 8;
            }
            self.protocol = next;
            if self.header > packet.len() {
                return Err(Malformed);
            }
            if self.later_fragment {
                return Ok(());
            }
        }
        Err(Malformed)
    }
}

/// Where the TCP or UDP header of a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// [`protocol::TCP`] or [`protocol::UDP`].
    pub protocol: u8,
    /// First byte of the IP header, from the start of the frame.
    pub network: usize,
    /// First byte of the TCP or UDP header, from the start of the frame.
    pub start: usize,
    /// End of the IP packet, from the start of the frame.
    pub end: usize,
    /// It is IPv6.
    pub v6: bool,
}

impl Transport {
    /// Finds it, or `None` where the frame is not whole TCP or UDP over IP.
    pub fn find(frame: &[u8]) -> Option<Transport> {
        let payload = frame.get(ETHERNET..)?;
        let (proto, header, total, fragment, v6) = match word(frame, 12).ok()? {
            ethertype::IPV4 => {
                let ip = Ipv4::read(payload).ok()?;
                (ip.protocol, ip.header, ip.total, ip.fragment, false)
            }
            ethertype::IPV6 => {
                let ip = Ipv6::read(payload).ok()?;
                (ip.protocol, ip.header, ip.total, ip.fragment, true)
            }
            _ => return None,
        };
        let fits = total >= header + minimum(proto)?;
        (fits && !fragment).then_some(Transport {
            protocol: proto,
            network: ETHERNET,
            start: ETHERNET + header,
            end: ETHERNET + total,
            v6,
        })
    }

    /// Place of the checksum in the header, in bytes.
    pub fn checksum_field(&self) -> usize {
        if self.protocol == protocol::TCP { 16 } else { 6 }
    }
}

/// Bytes of the shortest header of a transport protocol with a checksum.
fn minimum(proto: u8) -> Option<usize> {
    match proto {
        protocol::TCP => Some(20),
        protocol::UDP => Some(8),
        _ => None,
    }
}
