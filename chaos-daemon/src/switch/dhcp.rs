//! Answers for DHCP clients (RFC 2131): each port has one address, so there is nothing to
//! remember and nothing that can run out.

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use macaddr::MacAddr6;

use super::checksum::{finish, sum};
use super::frame::{ETHERNET, Ipv4, ethertype, protocol};

const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// How long an address is lent, in seconds. It stays the guest's in any case.
const LEASE_SECONDS: u32 = 86_400;

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Lease {
    /// Its address.
    pub address: Ipv4Addr,
    /// Bits of its network's prefix.
    pub prefix: u8,
    /// The way out.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers.
    pub name_servers: Vec<Ipv4Addr>,
    /// Bytes of the largest IP packet.
    pub mtu: u16,
    /// Who answers; the gateway, as a rule.
    pub server: Ipv4Addr,
    /// The MAC address answers come from.
    pub server_mac: MacAddr6,
}

/// Whether `frame` is for a DHCP server, told from the places where such a frame without
/// IP options has its fields.
pub fn is_request(frame: &[u8]) -> bool {
    frame.len() > 42
        && frame[12..14] == ethertype::IPV4.to_be_bytes()
        && frame[14] == 0x45
        && frame[23] == protocol::UDP
        && frame[36..38] == SERVER.to_be_bytes()
}

/// A message with those options only that are looked at here, each as long as it has to be:
/// the decoder panics on some that are not (message type, requested address, server).
fn essential(message: &[u8]) -> Option<Vec<u8>> {
    let (fixed, mut options) = message.split_at_checked(240)?;
    let mut out = fixed.to_vec();
    while let [code, rest @ ..] = options {
        match (*code, rest) {
            (0, rest) => options = rest,
            (255, _) => break,
            (code, [len, rest @ ..]) => {
                let (value, rest) = rest.split_at_checked(usize::from(*len))?;
                if matches!((code, len), (53, 1) | (50 | 54, 4)) {
                    out.extend([code, *len]);
                    out.extend(value);
                }
                options = rest;
            }
            (_, []) => return None,
        }
    }
    out.push(255);
    Some(out)
}

/// The frame that answers the request in `frame`, if it is one and wants an answer.
pub fn answer(frame: &[u8], lease: &Lease, client: MacAddr6) -> Option<Vec<u8>> {
    let ip = Ipv4::read(frame.get(ETHERNET..)?).ok()?;
    let message = frame.get(ETHERNET + ip.header + 8..ETHERNET + ip.total)?;
    let request = Message::decode(&mut Decoder::new(&essential(message)?)).ok()?;
    let ours = request.hlen() == 6 && request.chaddr() == client.as_bytes();
    if request.opcode() != Opcode::BootRequest || !ours {
        return None;
    }
    let kind = reply_kind(&request, lease)?;
    let reply = reply(&request, kind, lease).to_vec().ok()?;
    Some(wrap(&reply, lease, client))
}

fn reply_kind(request: &Message, lease: &Lease) -> Option<MessageType> {
    let for_another = matches!(request.opts().get(OptionCode::ServerIdentifier),
        Some(DhcpOption::ServerIdentifier(server)) if *server != lease.server);
    let wanted = match request.opts().get(OptionCode::RequestedIpAddress) {
        Some(DhcpOption::RequestedIpAddress(address)) => *address,
        _ => request.ciaddr(),
    };
    match request.opts().msg_type()? {
        _ if for_another => None,
        MessageType::Discover => Some(MessageType::Offer),
        MessageType::Request if wanted == lease.address => Some(MessageType::Ack),
        MessageType::Request => Some(MessageType::Nak),
        MessageType::Inform => Some(MessageType::Ack),
        _ => None,
    }
}

fn reply(request: &Message, kind: MessageType, lease: &Lease) -> Message {
    let mut reply = Message::default();
    reply
        .set_opcode(Opcode::BootReply)
        .set_xid(request.xid())
        .set_flags(request.flags())
        .set_chaddr(request.chaddr());
    let options = reply.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(lease.server));
    if kind == MessageType::Nak {
        return reply;
    }
    options.insert(DhcpOption::AddressLeaseTime(LEASE_SECONDS));
    options.insert(DhcpOption::SubnetMask(mask(lease.prefix)));
    options.insert(DhcpOption::InterfaceMtu(lease.mtu));
    if let Some(gateway) = lease.gateway {
        options.insert(DhcpOption::Router(vec![gateway]));
    }
    if !lease.name_servers.is_empty() {
        options.insert(DhcpOption::DomainNameServer(lease.name_servers.clone()));
    }
    reply.set_yiaddr(lease.address).set_siaddr(lease.server);
    reply
}

fn mask(prefix: u8) -> Ipv4Addr {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0).into()
}

/// Puts UDP, IPv4 and Ethernet headers before `message`. Everybody hears the answer but
/// the switch gives it to the client alone.
fn wrap(message: &[u8], lease: &Lease, client: MacAddr6) -> Vec<u8> {
    let len = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(ETHERNET + 28 + message.len());
    frame.extend(client.as_bytes());
    frame.extend(lease.server_mac.as_bytes());
    frame.extend(ethertype::IPV4.to_be_bytes());
    frame.extend([0x45, 0]);
    frame.extend(len(28 + message.len()));
    frame.extend([0, 0, 0x40, 0, 64, protocol::UDP, 0, 0]);
    frame.extend(lease.server.octets());
    frame.extend(Ipv4Addr::BROADCAST.octets());
    let header = finish(sum(&frame[ETHERNET..]));
    frame[24..26].copy_from_slice(&header.to_be_bytes());
    frame.extend(SERVER.to_be_bytes());
    frame.extend(CLIENT.to_be_bytes());
    frame.extend(len(8 + message.len()));
    frame.extend([0, 0]);
    frame.extend(message);
    frame
}

#[cfg(test)]
mod tests {
    use dhcproto::v4::Flags;
    use proptest::prelude::*;

    use super::super::samples::{IP_A, IP_B, MAC_A, MAC_B, ethernet, ipv4, udp};
    use super::*;

    fn lease() -> Lease {
        Lease {
            address: IP_A,
            prefix: 24,
            gateway: Some(IP_B),
            name_servers: vec![IP_B],
            mtu: 1500,
            server: IP_B,
            server_mac: MAC_B,
        }
    }

    fn request(kind: MessageType, wanted: Option<Ipv4Addr>) -> Vec<u8> {
        let mut message = Message::default();
        message.set_chaddr(MAC_A.as_bytes()).set_flags(Flags::default().set_broadcast());
        message.set_xid(0x1234_5678);
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        if let Some(wanted) = wanted {
            message.opts_mut().insert(DhcpOption::RequestedIpAddress(wanted));
        }
        let datagram = udp(CLIENT, SERVER, &message.to_vec().unwrap());
        let packet = ipv4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, protocol::UDP, &datagram);
        ethernet(MacAddr6::broadcast(), MAC_A, ethertype::IPV4, &packet)
    }

    fn reply_to(kind: MessageType, wanted: Option<Ipv4Addr>) -> Option<Message> {
        let frame = request(kind, wanted);
        assert!(is_request(&frame));
        let reply = answer(&frame, &lease(), MAC_A)?;
        let ip = Ipv4::read(&reply[ETHERNET..]).unwrap();
        assert_eq!(finish(sum(&reply[ETHERNET..ETHERNET + 20])), 0);
        Some(Message::decode(&mut Decoder::new(&reply[ETHERNET + ip.header + 8..])).unwrap())
    }

    #[test]
    fn a_client_gets_its_address() {
        let offer = reply_to(MessageType::Discover, None).unwrap();
        assert_eq!((offer.yiaddr(), offer.xid()), (IP_A, 0x1234_5678));
        assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
        let ack = reply_to(MessageType::Request, Some(IP_A)).unwrap();
        assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
        let mask = DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(ack.opts().get(OptionCode::SubnetMask), Some(&mask));
    }

    #[test]
    fn another_address_is_refused() {
        let nak = reply_to(MessageType::Request, Some(IP_B)).unwrap();
        assert_eq!(nak.opts().msg_type(), Some(MessageType::Nak));
        assert!(reply_to(MessageType::Release, None).is_none());
    }

    #[test]
    fn a_client_speaks_for_itself_alone() {
        assert!(answer(&request(MessageType::Discover, None), &lease(), MAC_B).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(at in 42..400usize, bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut frame = request(MessageType::Discover, None);
            let end = (at + bytes.len()).min(frame.len());
            if at < end { frame[at..end].copy_from_slice(&bytes[..end - at]); }
            let _ = answer(&frame, &lease(), MAC_A);
        }
    }
}
