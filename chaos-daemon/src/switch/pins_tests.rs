//! What a guest may and may not send.

use proptest::prelude::*;

use super::super::samples::{IP_A, IP_B, MAC_A, MAC_B, ethernet, ipv4, ipv6, udp};
use super::*;

const BROADCAST: MacAddr6 = MacAddr6::broadcast();

fn pins() -> Pins {
    Pins::new(MAC_A, &[IP_A.into(), own_v6().into()])
}

fn own_v6() -> Ipv6Addr {
    "fd00::a".parse().unwrap()
}

fn arp(operation: u16, sender_mac: MacAddr6, sender: Ipv4Addr) -> Vec<u8> {
    let mut message = vec![0, 1, 8, 0, 6, 4];
    message.extend(operation.to_be_bytes());
    message.extend(sender_mac.as_bytes());
    message.extend(sender.octets());
    message.extend([0; 6]);
    message.extend(IP_B.octets());
    ethernet(BROADCAST, MAC_A, ethertype::ARP, &message)
}

fn v4(from: Ipv4Addr, to: Ipv4Addr, ports: (u16, u16)) -> Vec<u8> {
    let packet = ipv4(from, to, protocol::UDP, &udp(ports.0, ports.1, b"hello"));
    ethernet(MAC_B, MAC_A, ethertype::IPV4, &packet)
}

fn icmp(from: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let packet = ipv6(from, "ff02::1".parse().unwrap(), protocol::ICMP6, message);
    ethernet(MAC_B, MAC_A, ethertype::IPV6, &packet)
}

/// A neighbour advertisement with a target link-layer address.
fn advertisement(target: Ipv6Addr, mac: MacAddr6) -> Vec<u8> {
    let mut message = vec![136, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend([2, 1]);
    message.extend(mac.as_bytes());
    message
}

#[test]
fn its_own_addresses_pass() {
    let own = [
        v4(IP_A, IP_B, (1, 2)),
        v4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, (68, 67)),
        arp(1, MAC_A, IP_A),
        arp(2, MAC_A, IP_A),
        arp(1, MAC_A, Ipv4Addr::UNSPECIFIED),
        icmp(own_v6(), &[128, 0, 0, 0]),
        icmp(link_local(MAC_A), &advertisement(own_v6(), MAC_A)),
        icmp(Ipv6Addr::UNSPECIFIED, &[&[135, 0, 0, 0][..], &[0; 20]].concat()),
    ];
    for frame in own {
        assert_eq!(pins().check(&frame), Ok(()), "{frame:02x?}");
    }
}

#[test]
fn another_name_does_not_pass() {
    let mut other_mac = v4(IP_A, IP_B, (1, 2));
    other_mac[11] ^= 1;
    let mut redirect = vec![137];
    redirect.extend([0; 39]);
    let cases = [
        (other_mac, Spoof::Mac),
        (v4(IP_B, IP_A, (1, 2)), Spoof::Ipv4),
        (v4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, (68, 68)), Spoof::Ipv4),
        (v4(Ipv4Addr::UNSPECIFIED, IP_B, (68, 67)), Spoof::Ipv4),
        (v4(IP_A, IP_B, (67, 68)), Spoof::Dhcp),
        (arp(1, MAC_A, IP_B), Spoof::Arp),
        (arp(2, MAC_B, IP_A), Spoof::Arp),
        (arp(2, MAC_A, Ipv4Addr::UNSPECIFIED), Spoof::Arp),
        (icmp("fd00::b".parse().unwrap(), &[128, 0, 0, 0]), Spoof::Ipv6),
        (icmp(link_local(MAC_B), &[128, 0, 0, 0]), Spoof::Ipv6),
        (icmp(Ipv6Addr::UNSPECIFIED, &[128, 0, 0, 0]), Spoof::Ipv6),
        (icmp(own_v6(), &advertisement("fd00::b".parse().unwrap(), MAC_A)), Spoof::Neighbour),
        (icmp(own_v6(), &advertisement(own_v6(), MAC_B)), Spoof::Neighbour),
        (icmp(link_local(MAC_A), &[134; 16]), Spoof::Neighbour),
        (icmp(link_local(MAC_A), &redirect), Spoof::Neighbour),
        (ethernet(MAC_B, MAC_A, ethertype::VLAN, &[0; 64]), Spoof::Protocol),
        (ethernet(MAC_B, MAC_A, 0x88cc, &[0; 64]), Spoof::Protocol),
        (ethernet(MAC_B, MAC_A, ethertype::IPV4, &[0x45; 12]), Spoof::Malformed),
        (vec![0; 13], Spoof::Malformed),
    ];
    for (frame, reason) in cases {
        assert_eq!(pins().check(&frame), Err(reason), "{frame:02x?}");
    }
}

#[test]
fn a_fragment_cannot_hide_neighbour_discovery() {
    let mut message = vec![58, 0, 0, 1, 0, 0, 0, 1];
    message.extend(advertisement("fd00::b".parse().unwrap(), MAC_A));
    let packet = ipv6(own_v6(), "ff02::1".parse().unwrap(), protocol::FRAGMENT, &message);
    let frame = ethernet(MAC_B, MAC_A, ethertype::IPV6, &packet);
    assert_eq!(pins().check(&frame), Err(Spoof::Neighbour));
}

#[test]
fn without_addresses_only_mac_addresses_are_checked() {
    let pins = Pins::new(MAC_A, &[]);
    assert_eq!(pins.check(&v4(IP_B, IP_A, (1, 2))), Ok(()));
    assert_eq!(pins.check(&arp(1, MAC_A, IP_B)), Ok(()));
    assert_eq!(pins.check(&arp(1, MAC_B, IP_B)), Err(Spoof::Arp));
    assert_eq!(pins.check(&icmp(own_v6(), &[134; 16])), Err(Spoof::Neighbour));
}

#[test]
fn the_link_local_address_of_rfc_4291() {
    let mac = MacAddr6::new(0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde);
    assert_eq!(link_local(mac), "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
}

proptest! {
    /// What passes says it is from the pinned addresses, by a reader of its own.
    #[test]
    fn whatever_passes_is_in_its_own_name(
        mut frame in prop_oneof![
            Just(v4(IP_A, IP_B, (1, 2))), Just(arp(2, MAC_A, IP_A)),
            Just(icmp(own_v6(), &advertisement(own_v6(), MAC_A))),
            proptest::collection::vec(any::<u8>(), 0..100),
        ],
        changes in proptest::collection::vec((0..90usize, any::<u8>()), 0..6),
        cut in 0..120usize,
    ) {
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) { *byte = value }
        }
        frame.truncate(cut.max(20));
        if pins().check(&frame).is_err() { return Ok(()) }
        prop_assert_eq!(&frame[6..12], MAC_A.as_bytes());
        match u16::from_be_bytes([frame[12], frame[13]]) {
            ethertype::ARP => {
                prop_assert_eq!(&frame[22..28], MAC_A.as_bytes());
                let probe = frame[28..32] == [0; 4] && frame[20..22] == [0, 1];
                prop_assert!(probe || frame[28..32] == IP_A.octets());
            }
            ethertype::IPV4 => {
                let asks = frame[26..34] == [0, 0, 0, 0, 255, 255, 255, 255];
                prop_assert!(asks || frame[26..30] == IP_A.octets());
            }
            ethertype::IPV6 => {
                let source = &frame[22..38];
                prop_assert!(source == own_v6().octets()
                    || source == link_local(MAC_A).octets() || source == [0; 16]);
            }
            other => prop_assert!(false, "type {other:#x} passed"),
        }
    }
}
