//! ICMP echo, each round trip timed by itself: from just before the request is sent until the
//! reply has been read. Between two the guest has time to fall asleep.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, recv, send,
    setsockopt, socket,
};
use nix::sys::time::TimeVal;

/// Trips before those that [`times`] measures.
const WARM_UP: u16 = 10;
const REST: Duration = Duration::from_millis(1);
/// As `ping` sends by default.
const PAYLOAD: usize = 56;
const HEADER: usize = 8;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
/// Tells our replies from others'.
const IDENTIFIER: [u8; 2] = *b"lv";

/// The times of `rounds` round trips, after some that are not counted.
///
/// # Errors
/// Sockets' own; a guest that does not answer for 5 s.
pub fn times(address: Ipv4Addr, rounds: u16) -> io::Result<Vec<Duration>> {
    let socket = open(address)?;
    trips(&socket, WARM_UP)?;
    trips(&socket, rounds)
}

/// The time of the first round trip.
///
/// # Errors
/// As [`times`].
pub fn first(address: Ipv4Addr) -> io::Result<Duration> {
    round_trip(&open(address)?, 0)
}

/// `rounds` round trips, a rest before each.
///
/// # Errors
/// As [`times`].
pub fn trips(socket: &OwnedFd, rounds: u16) -> io::Result<Vec<Duration>> {
    let trip = |sequence| {
        sleep(REST);
        round_trip(socket, sequence)
    };
    (0..rounds).map(trip).collect()
}

/// A raw socket for pings to `address`.
///
/// # Errors
/// As for [`times`]; it needs `CAP_NET_RAW`.
pub fn open(address: Ipv4Addr) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Icmp)?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::new(5, 0))?;
    let [a, b, c, d] = address.octets();
    connect(socket.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 0))?;
    Ok(socket)
}

fn round_trip(socket: &OwnedFd, sequence: u16) -> io::Result<Duration> {
    let request = request(sequence);
    let mut packet = [0; 256];
    let start = Instant::now();
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    loop {
        match recv(socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            Ok(len) if is_reply(&packet[..len], sequence) => return Ok(start.elapsed()),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                return Err(io::Error::other(format!("no answer to ping {sequence} for 5 s")));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn request(sequence: u16) -> [u8; HEADER + PAYLOAD] {
    let mut packet = [0; HEADER + PAYLOAD];
    packet[0] = ECHO_REQUEST;
    packet[4..6].copy_from_slice(&IDENTIFIER);
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks(2).map(|b| u32::from(u16::from_be_bytes([b[0], b[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// Whether an IPv4 packet is the reply to the request with this number.
fn is_reply(packet: &[u8], sequence: u16) -> bool {
    let header = usize::from(packet.first().map_or(0, |b| b & 0xf)) * 4;
    packet.get(header..header + HEADER).is_some_and(|icmp| {
        icmp[0] == ECHO_REPLY && icmp[4..6] == IDENTIFIER && icmp[6..8] == sequence.to_be_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_sums_to_zero_and_is_no_reply() {
        let mut packet = [0; 20 + HEADER + PAYLOAD];
        packet[0] = 0x45;
        packet[20..].copy_from_slice(&request(7));
        assert_eq!(checksum(&packet[20..]), 0);
        assert!(!is_reply(&packet, 7));
        packet[20] = ECHO_REPLY;
        assert!(is_reply(&packet, 7));
        assert!(!is_reply(&packet, 8));
        assert!(!is_reply(&packet[..24], 7));
    }
}
