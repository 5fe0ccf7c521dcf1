//! Any DHCP message of a guest: answered or not, and then with an answer to it alone.
#![no_main]

use std::net::Ipv4Addr;

use chaos_daemon::switch::{Lease, dhcp};
use libfuzzer_sys::fuzz_target;
use macaddr::MacAddr6;

const CLIENT: MacAddr6 = MacAddr6::new(2, 0, 0, 0, 0, 1);

/// Ethernet, IPv4 and UDP headers of a message of so many bytes.
fn headers(message: usize) -> Vec<u8> {
    let len = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame = vec![0xff; 6];
    frame.extend(CLIENT.as_bytes());
    frame.extend([8, 0, 0x45, 0]);
    frame.extend(len(28 + message));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
    frame.extend([0, 68, 0, 67]);
    frame.extend(len(8 + message));
    frame.extend([0, 0]);
    frame
}

fuzz_target!(|bytes: &[u8]| {
    let message = &bytes[..bytes.len().min(1472)];
    let lease = Lease {
        address: Ipv4Addr::new(10, 0, 0, 5),
        prefix: 24,
        gateway: Some(Ipv4Addr::new(10, 0, 0, 1)),
        name_servers: vec![Ipv4Addr::new(10, 0, 0, 2)],
        mtu: 1500,
        server: Ipv4Addr::new(10, 0, 0, 1),
        server_mac: MacAddr6::new(2, 0, 0, 0, 0, 2),
    };
    let mut frame = headers(message.len());
    frame.extend(message);
    if !dhcp::is_request(&frame) {
        return;
    }
    if let Some(answer) = dhcp::answer(&frame, &lease, CLIENT) {
        assert_eq!(
            (&answer[..6], &answer[6..12]),
            (CLIENT.as_bytes(), lease.server_mac.as_bytes())
        );
        assert!(message[28..34] == *CLIENT.as_bytes());
        assert!(answer.len() <= 1514, "{}", answer.len());
        // The client's own number comes back.
        assert_eq!(answer[42 + 4..42 + 8], message[4..8]);
    }
});
