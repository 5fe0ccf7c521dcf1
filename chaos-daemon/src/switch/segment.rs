//! Cutting long TCP packets for receivers that cannot do it themselves.

use super::checksum::{self, complete, finish, mark_blank, sum};
use super::frame::{Malformed, Transport, protocol};
use super::packet::{Abilities, Gso, GsoKind, Offload, Packet};
use super::pool::Pool;

/// Least payload per part: with less, one packet of a guest would become too many.
pub const MIN_SEGMENT: u16 = 128;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// What a long packet consists of.
struct Plan {
    at: Transport,
    /// Bytes of all headers.
    headers: usize,
    size: usize,
    sequence: u32,
    identification: u16,
    flags: u8,
}

impl Plan {
    fn new(frame: &[u8], gso: Gso) -> Result<Plan, Malformed> {
        let at = Transport::find(frame).ok_or(Malformed)?;
        let kind = if at.v6 { GsoKind::Tcp6 } else { GsoKind::Tcp4 };
        if at.protocol != protocol::TCP || kind != gso.kind || gso.size < MIN_SEGMENT {
            return Err(Malformed);
        }
        let tcp = &frame[at.start..at.end];
        let header = usize::from(tcp[12] >> 4) * 4;
        if header < 20 || header > tcp.len() {
            return Err(Malformed);
        }
        Ok(Plan {
            headers: at.start + header,
            size: usize::from(gso.size),
            sequence: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
            identification: u16::from_be_bytes([frame[at.network + 4], frame[at.network + 5]]),
            flags: tcp[13],
            at,
        })
    }

    /// Bytes of payload.
    fn payload(&self) -> usize {
        self.at.end - self.headers
    }

    /// Number of parts.
    fn parts(&self) -> usize {
        self.payload().div_ceil(self.size).max(1)
    }

    /// The `n`th part of `frame`.
    fn part(&self, frame: &[u8], n: usize, pool: &mut Pool) -> Packet {
        let from = self.headers + n * self.size;
        let to = (from + self.size).min(self.at.end);
        let mut packet = pool.packet(self.headers + to - from);
        let part = packet.frame_mut();
        part[..self.headers].copy_from_slice(&frame[..self.headers]);
        part[self.headers..].copy_from_slice(&frame[from..to]);
        self.fix_network(part, n);
        self.fix_transport(part, n);
        packet
    }

    fn fix_network(&self, part: &mut [u8], n: usize) {
        let len = part.len() - self.at.network;
        let ip = &mut part[self.at.network..self.at.start];
        if self.at.v6 {
            ip[4..6].copy_from_slice(&to_u16(len - 40).to_be_bytes());
            return;
        }
        ip[2..4].copy_from_slice(&to_u16(len).to_be_bytes());
        let identification = self.identification.wrapping_add(to_u16(n));
        ip[4..6].copy_from_slice(&identification.to_be_bytes());
        ip[10..12].fill(0);
        let checksum = finish(sum(ip));
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    fn fix_transport(&self, part: &mut [u8], n: usize) {
        let tcp = &mut part[self.at.start..];
        let offset = u32::try_from(n * self.size).expect("less than a packet");
        tcp[4..8].copy_from_slice(&self.sequence.wrapping_add(offset).to_be_bytes());
        let mut flags = self.flags;
        if n > 0 {
            flags &= !CWR;
        }
        if n + 1 < self.parts() {
            flags &= !(FIN | PSH);
        }
        tcp[13] = flags;
        let at = Transport { end: part.len(), ..self.at };
        checksum::seed(part, &at);
    }
}

fn to_u16(len: usize) -> u16 {
    u16::try_from(len).expect("a part is no longer than the whole")
}

/// Hands `out` the packets that stand for `packet` at a receiver with these `abilities`,
/// and takes its memory back. Gives their number.
///
/// # Errors
/// When the headers do not fit what is left to do.
pub fn adapt(
    mut packet: Packet,
    abilities: Abilities,
    pool: &mut Pool,
    mut out: impl FnMut(&mut Pool, Packet),
) -> Result<usize, Malformed> {
    if abilities.take(&packet.offload) {
        out(pool, packet);
        return Ok(1);
    }
    let whole = packet.offload.gso.filter(|g| {
        let other = Offload { gso: Some(*g), ..Offload::default() };
        !abilities.take(&other)
    });
    let Some(gso) = whole else {
        let done = complete(&mut packet);
        return hand(packet, done, pool, out);
    };
    let plan = match Plan::new(packet.frame(), gso) {
        Ok(plan) => plan,
        Err(e) => return hand(packet, Err(e), pool, out),
    };
    for n in 0..plan.parts() {
        let mut part = plan.part(packet.frame(), n, pool);
        mark_blank(&mut part)?;
        if !abilities.checksum {
            complete(&mut part)?;
        }
        out(pool, part);
    }
    pool.recycle(packet);
    Ok(plan.parts())
}

fn hand(
    packet: Packet,
    done: Result<(), Malformed>,
    pool: &mut Pool,
    mut out: impl FnMut(&mut Pool, Packet),
) -> Result<usize, Malformed> {
    match done {
        Ok(()) => out(pool, packet),
        Err(_) => pool.recycle(packet),
    }
    done.map(|()| 1)
}

/// Whether `packet` may be cut as its `offload` says; checked once, where a guest sent it.
///
/// # Errors
/// When its headers do not fit.
pub fn check(packet: &Packet) -> Result<(), Malformed> {
    packet.offload.gso.map_or(Ok(()), |gso| Plan::new(packet.frame(), gso).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packet::Checksum;
    use super::super::samples;
    use super::*;

    fn long(frame: &[u8], kind: GsoKind, size: u16, pool: &mut Pool) -> Packet {
        let mut packet = pool.packet_of(frame);
        mark_blank(&mut packet).unwrap();
        packet.offload.gso = Some(Gso { kind, size });
        packet
    }

    fn cut(packet: Packet, abilities: Abilities, pool: &mut Pool) -> Vec<Packet> {
        let mut parts = Vec::new();
        adapt(packet, abilities, pool, |_, part| parts.push(part)).unwrap();
        parts
    }

    /// The transport checksum of a finished packet adds up with its pseudo header.
    fn valid(frame: &[u8]) -> bool {
        let at = Transport::find(frame).unwrap();
        let segment = &frame[at.start..at.end];
        let total = checksum::pseudo_header(frame, &at, segment.len()) + sum(segment);
        let header = if at.v6 { 0xffff } else { checksum::fold(sum(&frame[at.network..at.start])) };
        (checksum::fold(total), header) == (0xffff, 0xffff)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_parts_carry_the_whole(
            len in 0..65_000usize, size in MIN_SEGMENT..9000, v6 in any::<bool>(), flags in any::<u8>(),
        ) {
            let mut pool = Pool::default();
            let (frame, kind) = if v6 {
                (samples::tcp6(len, flags), GsoKind::Tcp6)
            } else {
                (samples::tcp4(len, flags), GsoKind::Tcp4)
            };
            let headers = frame.len() - len;
            let packet = long(&frame, kind, size, &mut pool);
            let parts = cut(packet, Abilities::default(), &mut pool);
            let mut payload = Vec::new();
            for (n, part) in parts.iter().enumerate() {
                let part_frame = part.frame();
                prop_assert!(valid(part_frame));
                prop_assert!(part_frame.len() - headers <= usize::from(size));
                let at = Transport::find(part_frame).unwrap();
                let tcp = &part_frame[at.start..];
                let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
                prop_assert_eq!(sequence, 0xffff_f000_u32.wrapping_add(u32::try_from(payload.len()).unwrap()));
                let last = n + 1 == parts.len();
                prop_assert_eq!(tcp[13] & (FIN | PSH), if last { flags & (FIN | PSH) } else { 0 });
                prop_assert_eq!(tcp[13] & CWR, if n == 0 { flags & CWR } else { 0 });
                payload.extend_from_slice(&part_frame[headers..]);
            }
            prop_assert_eq!(&payload, &frame[headers..]);
        }

        #[test]
        fn a_blank_checksum_is_completed(len in 0..3000usize, v6 in any::<bool>()) {
            let mut pool = Pool::default();
            let frame = if v6 { samples::tcp6(len, 0x10) } else { samples::tcp4(len, 0x10) };
            let mut packet = pool.packet_of(&frame);
            mark_blank(&mut packet).unwrap();
            let parts = cut(packet, Abilities::default(), &mut pool);
            prop_assert!(parts.len() == 1 && valid(parts[0].frame()));
        }
    }

    #[test]
    fn parts_keep_a_blank_checksum_for_who_takes_it() {
        let mut pool = Pool::default();
        let packet = long(&samples::tcp4(3000, 0x18), GsoKind::Tcp4, 1448, &mut pool);
        let abilities = Abilities { checksum: true, ..Abilities::default() };
        let mut parts = cut(packet, abilities, &mut pool);
        assert_eq!(parts.len(), 3);
        for part in &mut parts {
            assert!(matches!(part.offload.checksum, Checksum::Blank { start: 34, field: 16 }));
            complete(part).unwrap();
            assert!(valid(part.frame()));
        }
    }

    #[test]
    fn who_takes_it_gets_it_whole() {
        let mut pool = Pool::default();
        let packet = long(&samples::tcp6(60_000, 0x10), GsoKind::Tcp6, 1448, &mut pool);
        let parts = cut(packet, Abilities::ALL, &mut pool);
        assert_eq!(parts.len(), 1);
        assert!(parts[0].offload.gso.is_some());
    }

    #[test]
    fn lies_about_the_kind_are_found() {
        let mut pool = Pool::default();
        let lies = [
            long(&samples::tcp4(3000, 0), GsoKind::Tcp6, 1448, &mut pool),
            long(&samples::tcp6(3000, 0), GsoKind::Tcp4, 1448, &mut pool),
            long(&samples::tcp4(3000, 0), GsoKind::Tcp4, 1, &mut pool),
            long(&samples::udp4(3000), GsoKind::Tcp4, 1448, &mut pool),
        ];
        for lie in lies {
            assert_eq!(check(&lie), Err(Malformed));
            assert!(adapt(lie, Abilities::default(), &mut pool, |_, _| panic!("passed")).is_err());
        }
    }
}
