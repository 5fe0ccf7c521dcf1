//! Checksums of TCP and UDP that the host computes, or has not checked.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
    UdpPacket,
};

/// Offset of the checksum in a TCP and in a UDP header.
const TCP_FIELD: usize = 16;
const UDP_FIELD: usize = 6;
const ETHERNET: usize = 14;
const IPV6: usize = 40;

/// What an IP packet carries: where that is in its frame.
struct Carried {
    protocol: IpProtocol,
    from: IpAddress,
    to: IpAddress,
    start: usize,
    end: usize,
}

impl Carried {
    fn of(frame: &[u8]) -> Option<Self> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => Self::of_v4(ethernet.payload()),
            EthernetProtocol::Ipv6 => Self::of_v6(ethernet.payload()),
            _ => None,
        }
    }

    fn of_v4(packet: &[u8]) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        Some(Self {
            protocol: packet.next_header(),
            from: packet.src_addr().into(),
            to: packet.dst_addr().into(),
            start: ETHERNET + usize::from(packet.header_len()),
            end: ETHERNET + usize::from(packet.total_len()),
        })
    }

    fn of_v6(packet: &[u8]) -> Option<Self> {
        let packet = Ipv6Packet::new_checked(packet).ok()?;
        Some(Self {
            protocol: packet.next_header(),
            from: packet.src_addr().into(),
            to: packet.dst_addr().into(),
            start: ETHERNET + IPV6,
            end: ETHERNET + packet.total_len(),
        })
    }

    /// The sum over the pseudo header, folded (RFC 9293, RFC 8200).
    fn pseudo_header(&self) -> u16 {
        let addresses = match (self.from, self.to) {
            (IpAddress::Ipv4(from), IpAddress::Ipv4(to)) => sum(&from.octets()) + sum(&to.octets()),
            (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => sum(&from.octets()) + sum(&to.octets()),
            _ => 0,
        };
        // A frame's length takes 16 bits.
        let length = u32::try_from(self.end - self.start).unwrap_or(0);
        fold(addresses + u32::from(u8::from(self.protocol)) + length)
    }
}

/// Adds up 16-bit words; at most 32 of them.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum()
}

fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(0)
}

/// Prepares a frame for a host that computes its checksum; false when it has none to compute.
pub(crate) fn leave(frame: &mut [u8]) -> bool {
    let Some(carried) = Carried::of(frame) else { return false };
    let field = match carried.protocol {
        IpProtocol::Tcp => TCP_FIELD,
        IpProtocol::Udp => UDP_FIELD,
        _ => return false,
    };
    let place = carried.start + field;
    let Some(place) = frame.get_mut(place..place + 2) else { return false };
    place.copy_from_slice(&carried.pseudo_header().to_be_bytes());
    true
}

/// Whether nothing is wrong with the checksum of TCP or UDP in a frame. What carries them
/// behind other headers of IPv6 is wrong: nobody would check it.
pub(crate) fn is_right(frame: &[u8]) -> bool {
    let Some(carried) = Carried::of(frame) else { return true };
    let Some(bytes) = frame.get(carried.start..carried.end) else { return false };
    match carried.protocol {
        IpProtocol::Tcp => TcpPacket::new_checked(bytes)
            .is_ok_and(|tcp| tcp.verify_checksum(&carried.from, &carried.to)),
        IpProtocol::Udp => UdpPacket::new_checked(bytes)
            .is_ok_and(|udp| udp.verify_checksum(&carried.from, &carried.to)),
        IpProtocol::HopByHop => !matches!(
            bytes.first().map(|&next| next.into()),
            Some(IpProtocol::Tcp | IpProtocol::Udp)
        ),
        IpProtocol::Ipv6Route | IpProtocol::Ipv6Frag | IpProtocol::Ipv6Opts => false,
        _ => true,
    }
}
