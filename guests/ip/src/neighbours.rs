//! Answers without asking first: who sends a packet has said where it can be reached.
//!
//! The stack asks by ARP for every address it is to send to, drops what it was to send, and
//! asks again a second later. So a frame from an IPv4 neighbour the stack may not know comes
//! to it behind an ARP reply made here, of what the frame's header says.

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Ipv4Address, Ipv4Packet,
};
use xen_rt::noxs::device::NetConfig;

/// Bytes of an ARP packet for IPv4 in an Ethernet frame.
pub(crate) const ARP_FRAME: usize = 14 + 28;
/// Neighbours remembered; the stack itself knows eight.
const PLACES: usize = 8;
/// Nanoseconds until a neighbour is told again; the stack forgets after a minute.
const LIFETIME: u64 = 20_000_000_000;

type Neighbour = (Ipv4Address, EthernetAddress);

/// Neighbours that the stack has been told of.
pub(crate) struct Neighbours {
    config: NetConfig,
    known: [Option<(Neighbour, u64)>; PLACES],
    next: usize,
}

impl Neighbours {
    pub(crate) fn new(config: NetConfig) -> Self {
        Self { config, known: [None; PLACES], next: 0 }
    }

    /// What the stack has to be told before it sees `frame`, at system time `now`.
    pub(crate) fn introduce(&mut self, frame: &[u8], now: u64) -> Option<[u8; ARP_FRAME]> {
        let neighbour = self.sender(frame)?;
        let known = |entry: &Option<(Neighbour, u64)>| {
            entry.is_some_and(|(who, until)| who == neighbour && now < until)
        };
        if self.known.iter().any(known) {
            return None;
        }
        self.known[self.next] = Some((neighbour, now.saturating_add(LIFETIME)));
        self.next = (self.next + 1) % PLACES;
        Some(self.reply(neighbour))
    }

    /// Who on the link has sent an IPv4 packet: a neighbour, or the gateway for all others.
    fn sender(&self, frame: &[u8]) -> Option<Neighbour> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let own = self.config.ipv4?;
        if frame.ethertype() != EthernetProtocol::Ipv4 || !frame.src_addr().is_unicast() {
            return None;
        }
        let source = Ipv4Packet::new_checked(frame.payload()).ok()?.src_addr();
        let mask = u32::MAX.checked_shl(32 - u32::from(own.prefix.min(32))).unwrap_or(0);
        let is_near = (source.to_bits() ^ own.address.to_bits()) & mask == 0;
        let address = if is_near { source } else { self.config.gateway4? };
        let is_host = !address.is_unspecified() && !address.is_broadcast();
        is_host.then_some((address, frame.src_addr()))
    }

    fn reply(&self, (address, hardware): Neighbour) -> [u8; ARP_FRAME] {
        let own = EthernetAddress(self.config.mac);
        let header =
            EthernetRepr { src_addr: hardware, dst_addr: own, ethertype: EthernetProtocol::Arp };
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: hardware,
            source_protocol_addr: address,
            target_hardware_addr: own,
            target_protocol_addr: self.config.ipv4.map_or(Ipv4Address::UNSPECIFIED, |a| a.address),
        };
        let mut bytes = [0; ARP_FRAME];
        let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
        header.emit(&mut frame);
        reply.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
        bytes
    }
}
