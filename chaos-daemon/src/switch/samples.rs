//! Frames for tests.

use std::net::{Ipv4Addr, Ipv6Addr};

use macaddr::MacAddr6;

use super::checksum;
use super::frame::{ETHERNET, Transport, ethertype, protocol};

pub(crate) const MAC_A: MacAddr6 = MacAddr6::new(0x00, 0x16, 0x3e, 0, 0, 0x0a);
pub(crate) const MAC_B: MacAddr6 = MacAddr6::new(0x00, 0x16, 0x3e, 0, 0, 0x0b);
pub(crate) const IP_A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);
pub(crate) const IP_B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);

/// An Ethernet frame.
pub(crate) fn ethernet(to: MacAddr6, from: MacAddr6, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [to.as_bytes(), from.as_bytes(), &kind.to_be_bytes()].concat();
    frame.extend_from_slice(payload);
    frame
}

/// Tells by ARP that `address` is at `mac`.
pub(crate) fn announcement(mac: MacAddr6, address: Ipv4Addr) -> Vec<u8> {
    let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1];
    message.extend(mac.as_bytes());
    message.extend(address.octets());
    message.extend([0; 6]);
    message.extend(address.octets());
    ethernet(MacAddr6::broadcast(), mac, ethertype::ARP, &message)
}

/// An IPv4 packet.
pub(crate) fn ipv4(from: Ipv4Addr, to: Ipv4Addr, proto: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, proto, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let total = u16::try_from(20 + payload.len()).unwrap();
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    let sum = checksum::finish(checksum::sum(&packet));
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// An IPv6 packet.
pub(crate) fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 255];
    packet[4..6].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend_from_slice(payload);
    packet
}

/// A UDP datagram with its checksum left out (IPv4 allows that).
pub(crate) fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    let mut datagram = [from.to_be_bytes(), to.to_be_bytes(), len.to_be_bytes(), [0; 2]].concat();
    datagram.extend_from_slice(payload);
    datagram
}

/// A TCP segment without its checksum.
pub(crate) fn tcp(len: usize, flags: u8) -> Vec<u8> {
    let mut segment = vec![0; 20];
    segment[0..4].copy_from_slice(&[0, 80, 0x12, 0x34]);
    segment[4..8].copy_from_slice(&0xffff_f000_u32.to_be_bytes());
    segment[12] = 0x50;
    segment[13] = flags;
    segment.extend((0..len).map(|i| (i % 251).to_le_bytes()[0]));
    segment
}

/// TCP over IPv4 from A to B with the sum of the pseudo header in its checksum field.
pub(crate) fn tcp4(len: usize, flags: u8) -> Vec<u8> {
    let packet = ipv4(IP_A, IP_B, protocol::TCP, &tcp(len, flags));
    seeded(ethernet(MAC_B, MAC_A, ethertype::IPV4, &packet))
}

/// As [`tcp4`], over IPv6.
pub(crate) fn tcp6(len: usize, flags: u8) -> Vec<u8> {
    let [a, b] = [IP_A, IP_B].map(|ip| ip.to_ipv6_mapped());
    let packet = ipv6(a, b, protocol::TCP, &tcp(len, flags));
    seeded(ethernet(MAC_B, MAC_A, ethertype::IPV6, &packet))
}

/// UDP over IPv4 from A to B.
pub(crate) fn udp4(len: usize) -> Vec<u8> {
    let packet = ipv4(IP_A, IP_B, protocol::UDP, &udp(7, 7, &vec![9; len]));
    ethernet(MAC_B, MAC_A, ethertype::IPV4, &packet)
}

fn seeded(mut frame: Vec<u8>) -> Vec<u8> {
    assert!(frame.len() > ETHERNET);
    let at = Transport::find(&frame).unwrap();
    checksum::seed(&mut frame, &at);
    frame
}
