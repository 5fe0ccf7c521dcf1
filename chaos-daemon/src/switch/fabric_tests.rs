//! Fabrics with sockets in place of taps, one thread in place of many.

use std::net::IpAddr;

use macaddr::MacAddr6;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{read, write};
use proptest::prelude::*;

use super::super::frame::{ethertype, protocol};
use super::super::samples::{self, IP_A, IP_B, MAC_A, MAC_B, ethernet, ipv4, udp};
use super::super::{Lease, MAX_QUEUED, seeds, vnet};
use super::*;
use crate::shard::GuestId;

const NET: NetworkId = NetworkId(7);
const OUTSIDE: MacAddr6 = MacAddr6::new(2, 0, 0, 0, 0, 0x99);

fn device(index: u32) -> DeviceId {
    DeviceId { guest: GuestId { index, epoch: 0 }, slot: 1 }
}

fn spec(index: u32, mac: MacAddr6, addresses: &[IpAddr], pinned: bool) -> PortSpec {
    PortSpec {
        network: NET,
        device: device(index),
        mac,
        addresses: addresses.to_vec(),
        pinned,
        lease: None,
    }
}

fn fabrics(shards: usize) -> Vec<Fabric> {
    let poll = || Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap());
    seeds(shards).unwrap().into_iter().map(|seed| Fabric::new(seed, poll()).unwrap()).collect()
}

/// A network whose tap is a socket; the host's end of it.
fn open(fabric: &mut Fabric) -> OwnedFd {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let (tap, host) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).unwrap();
    fabric.apply(Update::Open(NET, Some(tap)));
    host
}

fn send(fabric: &mut Fabric, from: PortId, frame: &[u8]) {
    let packet = fabric.pool().packet_of(frame);
    fabric.input(from, packet, Instant::now());
}

fn take(fabric: &mut Fabric, at: PortId) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| fabric.pop(at)).map(|packet| packet.frame().to_vec()).collect()
}

fn outside(host: &OwnedFd) -> Vec<Vec<u8>> {
    let mut buffer = [0; 2000];
    std::iter::from_fn(|| read(host, &mut buffer).ok().map(|n| buffer[vnet::LEN..n].to_vec()))
        .collect()
}

fn from_outside(host: &OwnedFd, frame: &[u8]) {
    write(host, &[&[0; vnet::LEN], frame].concat()).unwrap();
}

fn datagram(to: MacAddr6, from: MacAddr6) -> Vec<u8> {
    let packet = ipv4(IP_A, IP_B, protocol::UDP, &udp(1, 2, b"hello"));
    ethernet(to, from, ethertype::IPV4, &packet)
}

#[test]
fn guests_and_the_outside_reach_each_other() {
    let mut fabric = fabrics(1).remove(0);
    let host = open(&mut fabric);
    let now = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[IP_A.into()], true), now).unwrap();
    let b = fabric.add_port(spec(2, MAC_B, &[IP_B.into()], true), now).unwrap();

    send(&mut fabric, a, &datagram(MAC_B, MAC_A));
    assert_eq!(fabric.next_delivery(), Some(device(2)));
    assert_eq!(fabric.next_delivery(), None);
    assert_eq!(take(&mut fabric, b), [datagram(MAC_B, MAC_A)]);
    assert!(take(&mut fabric, a).is_empty() && outside(&host).is_empty());

    send(&mut fabric, a, &datagram(OUTSIDE, MAC_A));
    assert_eq!(outside(&host), [datagram(OUTSIDE, MAC_A)]);
    from_outside(&host, &datagram(MAC_A, OUTSIDE));
    fabric.turn(now);
    assert_eq!(take(&mut fabric, a), [datagram(MAC_A, OUTSIDE)]);
    assert!(take(&mut fabric, b).is_empty());
}

#[test]
fn a_busy_shard_falls_behind_no_host() {
    let mut fabric = fabrics(1).remove(0);
    let host = open(&mut fabric);
    let start = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[IP_A.into()], true), start).unwrap();
    let burst = || (0..30).for_each(|_| from_outside(&host, &datagram(MAC_A, OUTSIDE)));
    // Each round takes it a tenth of a second, in which the host sends as much.
    let mut taken = Vec::new();
    for round in 0..20 {
        burst();
        fabric.turn(start + Duration::from_millis(100 * round));
        taken.push(take(&mut fabric, a).len());
    }
    assert_eq!(taken.iter().sum::<usize>(), 600, "{taken:?}");
}

#[test]
fn a_broadcast_reaches_all_but_its_sender() {
    let mut fabric = fabrics(1).remove(0);
    let host = open(&mut fabric);
    let now = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[IP_A.into()], true), now).unwrap();
    let b = fabric.add_port(spec(2, MAC_B, &[], false), now).unwrap();
    let frame = datagram(MacAddr6::broadcast(), MAC_A);
    send(&mut fabric, a, &frame);
    assert_eq!(take(&mut fabric, b), std::slice::from_ref(&frame));
    assert_eq!(outside(&host), std::slice::from_ref(&frame));
    assert!(take(&mut fabric, a).is_empty());

    for _ in 0..1000 {
        send(&mut fabric, a, &frame);
        take(&mut fabric, b);
        outside(&host);
    }
    assert!(fabric.counters(a).unwrap().group_limit > 500);
}

#[test]
fn who_is_not_served_holds_a_bounded_queue() {
    let mut fabric = fabrics(1).remove(0);
    let now = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[], true), now).unwrap();
    let b = fabric.add_port(spec(2, MAC_B, &[], true), now).unwrap();
    for _ in 0..2000 {
        send(&mut fabric, a, &datagram(MAC_B, MAC_A));
    }
    assert!(fabric.yard.queued <= MAX_QUEUED);
    let counters = fabric.counters(b).unwrap();
    assert_eq!(take(&mut fabric, b).len() as u64 + counters.queue_full, 2000);
    assert!(counters.queue_full > 0);
    assert_eq!(fabric.yard.queued, 0);
}

#[test]
fn a_port_that_is_gone_gets_and_sends_nothing() {
    let mut fabric = fabrics(1).remove(0);
    let now = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[], true), now).unwrap();
    let b = fabric.add_port(spec(2, MAC_B, &[], true), now).unwrap();
    send(&mut fabric, a, &datagram(MAC_B, MAC_A));
    fabric.remove_port(b);
    assert_eq!((fabric.next_delivery(), fabric.yard.queued), (None, 0));
    let again = fabric.add_port(spec(3, MAC_B, &[], true), now).unwrap();
    assert_ne!(again, b);
    send(&mut fabric, b, &datagram(MAC_A, MAC_B));
    assert!(take(&mut fabric, a).is_empty());
    assert!(fabric.counters(b).is_none());
}

#[test]
fn a_mac_address_belongs_to_one_port() {
    let mut fabric = fabrics(1).remove(0);
    let now = Instant::now();
    fabric.add_port(spec(1, MAC_A, &[], true), now).unwrap();
    assert_eq!(fabric.add_port(spec(2, MAC_A, &[], true), now), Err(Taken(MAC_A)));
}

#[test]
fn shards_hand_packets_over() {
    let mut shards = fabrics(2);
    let now = Instant::now();
    let a = shards[0].add_port(spec(1, MAC_A, &[IP_A.into()], true), now).unwrap();
    let b = shards[1].add_port(spec(2, MAC_B, &[IP_B.into()], true), now).unwrap();
    let host = open(&mut shards[1]);
    shards.iter_mut().for_each(|shard| shard.turn(now));

    send(&mut shards[0], a, &datagram(MAC_B, MAC_A));
    send(&mut shards[0], a, &datagram(MacAddr6::broadcast(), MAC_A));
    shards[1].turn(now);
    assert_eq!(take(&mut shards[1], b).len(), 2);
    assert!(outside(&host).is_empty(), "each shard has a queue of the uplink of its own");

    from_outside(&host, &datagram(MAC_A, OUTSIDE));
    shards[1].turn(now);
    shards[0].turn(now);
    assert_eq!(take(&mut shards[0], a), [datagram(MAC_A, OUTSIDE)]);

    shards[1].remove_port(b);
    shards[0].turn(now);
    send(&mut shards[0], a, &datagram(MAC_B, MAC_A));
    shards[1].turn(now);
    assert_eq!(shards[1].next_delivery(), None);
}

#[test]
fn an_unread_shard_does_not_lose_tables() {
    let mut shards = fabrics(2);
    let now = Instant::now();
    let mut ports = Vec::new();
    for n in 0..3000u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let mac = MacAddr6::new(2, 0, 0, 1, high, low);
        ports.push(shards[0].add_port(spec(n, mac, &[], true), now).unwrap());
    }
    for _ in 0..20 {
        shards[1].turn(now);
        shards[0].peers.retry();
    }
    assert_eq!(shards[1].networks[&NET].table.len(), 3000);
}

#[test]
fn long_packets_are_cut_for_who_cannot_take_them() {
    let mut fabric = fabrics(1).remove(0);
    let now = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[], true), now).unwrap();
    let b = fabric.add_port(spec(2, MAC_B, &[], true), now).unwrap();
    for (abilities, parts) in [(Abilities::default(), 3), (Abilities::ALL, 1)] {
        fabric.set_abilities(b, abilities);
        let mut packet = fabric.pool().packet_of(&samples::tcp4(3000, 0x18));
        super::super::checksum::mark_blank(&mut packet).unwrap();
        packet.offload.gso =
            Some(super::super::Gso { kind: super::super::GsoKind::Tcp4, size: 1448 });
        fabric.input(a, packet, now);
        assert_eq!(take(&mut fabric, b).len(), parts);
    }
}

#[test]
fn a_dhcp_client_is_answered_here() {
    let mut fabric = fabrics(1).remove(0);
    let host = open(&mut fabric);
    let lease = Lease {
        address: IP_A,
        prefix: 24,
        gateway: Some(IP_B),
        name_servers: vec![],
        mtu: 1500,
        server: IP_B,
        server_mac: OUTSIDE,
    };
    let port = PortSpec { lease: Some(lease), ..spec(1, MAC_A, &[IP_A.into()], true) };
    let a = fabric.add_port(port, Instant::now()).unwrap();
    let mut message = dhcproto::v4::Message::default();
    message.set_chaddr(MAC_A.as_bytes());
    message
        .opts_mut()
        .insert(dhcproto::v4::DhcpOption::MessageType(dhcproto::v4::MessageType::Discover));
    let bytes = dhcproto::Encodable::to_vec(&message).unwrap();
    let zero = std::net::Ipv4Addr::UNSPECIFIED;
    let broadcast = std::net::Ipv4Addr::BROADCAST;
    let packet = ipv4(zero, broadcast, protocol::UDP, &udp(68, 67, &bytes));
    send(&mut fabric, a, &ethernet(MacAddr6::broadcast(), MAC_A, ethertype::IPV4, &packet));
    assert_eq!(take(&mut fabric, a).len(), 1);
    assert!(outside(&host).is_empty());
}

/// An ARP request for an address.
fn who_has(from: MacAddr6, sender: IpAddr, target: IpAddr) -> Vec<u8> {
    let (IpAddr::V4(sender), IpAddr::V4(target)) = (sender, target) else { unreachable!() };
    let mut message = vec![0, 1, 8, 0, 6, 4, 0, 1];
    message.extend(from.as_bytes());
    message.extend(sender.octets());
    message.extend([0; 6]);
    message.extend(target.octets());
    ethernet(MacAddr6::broadcast(), from, ethertype::ARP, &message)
}

#[test]
fn a_question_for_a_pinned_address_goes_to_its_owner() {
    let mut fabric = fabrics(1).remove(0);
    let host = open(&mut fabric);
    let now = Instant::now();
    let a = fabric.add_port(spec(1, MAC_A, &[IP_A.into()], true), now).unwrap();
    let b = fabric.add_port(spec(2, MAC_B, &[IP_B.into()], true), now).unwrap();
    from_outside(&host, &who_has(OUTSIDE, "10.0.0.1".parse().unwrap(), IP_A.into()));
    fabric.turn(now);
    assert_eq!((take(&mut fabric, a).len(), take(&mut fabric, b).len()), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever a pinned guest sends, nobody hears it under another's name.
    #[test]
    fn no_spoofed_frame_passes(
        frames in proptest::collection::vec(
            (0..4u8, 0..3u8, any::<u8>(), proptest::collection::vec((0..60usize, any::<u8>()), 0..3)), 1..40),
    ) {
        let mut fabric = fabrics(1).remove(0);
        let host = open(&mut fabric);
        let now = Instant::now();
        let a = fabric.add_port(spec(1, MAC_A, &[IP_A.into()], true), now).unwrap();
        let b = fabric.add_port(spec(2, MAC_B, &[IP_B.into()], true), now).unwrap();
        let c = fabric.add_port(spec(3, OUTSIDE, &[], false), now).unwrap();
        for (to, kind, _, changes) in frames {
            let to = [MAC_A, MAC_B, OUTSIDE, MacAddr6::broadcast()][usize::from(to)];
            let mut frame = match kind {
                0 => who_has(MAC_A, IP_A.into(), IP_B.into()),
                1 => datagram(to, MAC_A),
                _ => ethernet(to, MAC_A, 0x1234, &[0; 50]),
            };
            for (at, value) in changes {
                if let Some(byte) = frame.get_mut(at) { *byte = value }
            }
            send(&mut fabric, a, &frame);
            prop_assert!(take(&mut fabric, a).is_empty(), "it came back");
            let heard = [take(&mut fabric, b), take(&mut fabric, c), outside(&host)].concat();
            for frame in heard {
                prop_assert_eq!(&frame[6..12], MAC_A.as_bytes());
                if frame[12..14] == [8, 0] {
                    let asks = frame[26..34] == [0, 0, 0, 0, 255, 255, 255, 255];
                    prop_assert!(asks || frame[26..30] == IP_A.octets());
                }
            }
        }
    }
}
