//! Any bytes as a frame that a guest sends: judged, forwarded, cut and answered, or dropped.
#![no_main]

use std::net::Ipv4Addr;
use std::time::Instant;

use chaos_daemon::switch::frame::{Ethernet, Transport};
use chaos_daemon::switch::pins::Pins;
use chaos_daemon::switch::pool::Pool;
use chaos_daemon::switch::table::{Place, Table};
use chaos_daemon::switch::{
    Abilities, Gso, GsoKind, Lease, checksum, dhcp, forward, segment, vnet,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, bool, &[u8])| {
    let (size, v6, frame) = input;
    let Ok(ethernet) = Ethernet::read(frame) else { return };
    let own = Ipv4Addr::new(10, 0, 0, 5);
    let pins = Pins::new(ethernet.source, &[own.into()]);
    if pins.check(frame).is_ok() && ethernet.ethertype == 0x0800 {
        let source = &frame[26..30];
        assert!(source == own.octets() || source == [0; 4]);
    }
    let (verdict, _) =
        forward::decide(&mut Table::default(), Place::Uplink, true, frame, Instant::now());
    assert_ne!(verdict, forward::Verdict::To(Place::Uplink));
    answer(frame, own, ethernet.source);
    cut(frame, Gso { kind: if v6 { GsoKind::Tcp6 } else { GsoKind::Tcp4 }, size });
});

fn answer(frame: &[u8], own: Ipv4Addr, client: macaddr::MacAddr6) {
    let lease = Lease {
        address: own,
        prefix: 24,
        gateway: None,
        name_servers: Vec::new(),
        mtu: 1500,
        server: Ipv4Addr::new(10, 0, 0, 1),
        server_mac: client,
    };
    if dhcp::is_request(frame) {
        let _ = dhcp::answer(frame, &lease, client);
    }
}

fn cut(frame: &[u8], gso: Gso) {
    let mut pool = Pool::default();
    if frame.len() > chaos_daemon::switch::pool::MAX_FRAME {
        return;
    }
    let mut packet = pool.packet_of(frame);
    if checksum::mark_blank(&mut packet).is_err() {
        return;
    }
    packet.offload.gso = Some(gso);
    if segment::check(&packet).is_err() {
        return;
    }
    let sealed = vnet::seal(&mut packet).expect("a checked packet");
    assert_eq!(sealed.len(), vnet::LEN + frame.len());
    let mut bytes = 0;
    let parts = segment::adapt(packet, Abilities::default(), &mut pool, |_, part| {
        assert!(Transport::find(part.frame()).is_some());
        bytes += part.frame().len();
    });
    assert!(parts.expect("a checked packet") <= 1 + 65_535 / usize::from(segment::MIN_SEGMENT));
    assert!(bytes >= frame.len().min(54));
}
