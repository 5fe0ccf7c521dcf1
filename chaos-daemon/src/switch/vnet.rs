//! The header in front of every frame of a tap: `struct virtio_net_hdr` of Linux's
//! `include/uapi/linux/virtio_net.h`, 10 bytes in the host's byte order (`IFF_VNET_HDR`).

use super::frame::{Malformed, Transport, protocol};
use super::packet::{Checksum, Gso, GsoKind, Offload, Packet};

/// Bytes of the header.
pub const LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
/// Flag beside the GSO type: the packet carries congestion notifications.
const GSO_ECN: u8 = 0x80;

/// Writes the header for `packet` right before its frame and gives both.
///
/// # Errors
/// When a packet to be cut is not TCP.
pub fn seal(packet: &mut Packet) -> Result<&[u8], Malformed> {
    let header = encode(packet)?;
    packet.with_headroom_mut(LEN)[..LEN].copy_from_slice(&header);
    Ok(packet.with_headroom(LEN))
}

fn encode(packet: &Packet) -> Result<[u8; LEN], Malformed> {
    let mut header = [0; LEN];
    match packet.offload.checksum {
        Checksum::Present => {}
        Checksum::Verified => header[0] = DATA_VALID,
        Checksum::Blank { start, field } => {
            header[0] = NEEDS_CSUM;
            header[6..8].copy_from_slice(&start.to_ne_bytes());
            header[8..10].copy_from_slice(&field.to_ne_bytes());
        }
    }
    if let Some(Gso { kind, size }) = packet.offload.gso {
        let at = Transport::find(packet.frame()).filter(|at| at.protocol == protocol::TCP);
        let at = at.ok_or(Malformed)?;
        let tcp = &packet.frame()[at.start..at.end];
        let headers = at.start + usize::from(tcp[12] >> 4) * 4;
        let ecn = if tcp[13] & 0x80 != 0 { GSO_ECN } else { 0 };
        header[1] = ecn | if kind == GsoKind::Tcp4 { GSO_TCPV4 } else { GSO_TCPV6 };
        header[2..4].copy_from_slice(&u16::try_from(headers).map_err(|_| Malformed)?.to_ne_bytes());
        header[4..6].copy_from_slice(&size.to_ne_bytes());
    }
    Ok(header)
}

/// What the header of a frame that came from a tap says.
///
/// # Errors
/// For a kind of long packet that was not agreed to.
pub fn decode(header: [u8; LEN]) -> Result<Offload, Malformed> {
    let word = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let checksum = match header[0] {
        flags if flags & NEEDS_CSUM != 0 => Checksum::Blank { start: word(6), field: word(8) },
        flags if flags & DATA_VALID != 0 => Checksum::Verified,
        _ => Checksum::Present,
    };
    let kind = match header[1] & !GSO_ECN {
        GSO_NONE => None,
        GSO_TCPV4 => Some(GsoKind::Tcp4),
        GSO_TCPV6 => Some(GsoKind::Tcp6),
        _ => return Err(Malformed),
    };
    Ok(Offload { checksum, gso: kind.map(|kind| Gso { kind, size: word(4) }) })
}

#[cfg(test)]
mod tests {
    use super::super::pool::Pool;
    use super::super::samples;
    use super::*;

    #[test]
    fn golden_bytes_of_a_long_packet() {
        let mut packet = Pool::default().packet_of(&samples::tcp4(3000, 0x10));
        packet.offload.checksum = Checksum::Blank { start: 34, field: 16 };
        packet.offload.gso = Some(Gso { kind: GsoKind::Tcp4, size: 1448 });
        let sealed = seal(&mut packet).unwrap();
        let golden = [1, 1, 54, 0, 0xa8, 0x05, 34, 0, 16, 0];
        assert_eq!(&sealed[..LEN], &golden);
        assert_eq!(decode(golden).unwrap(), packet.offload);
    }

    #[test]
    fn a_long_packet_that_is_not_tcp_is_refused() {
        let mut packet = Pool::default().packet_of(&samples::udp4(100));
        packet.offload.gso = Some(Gso { kind: GsoKind::Tcp4, size: 1448 });
        assert_eq!(seal(&mut packet), Err(Malformed));
    }

    #[test]
    fn kinds_nobody_agreed_to_are_refused() {
        assert_eq!(decode([0, 3, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed));
    }
}
