//! Requests and frames as attacks on the network build them: Xen `public/io/netif.h`.

pub(crate) const CSUM_BLANK: u16 = 1;
pub(crate) const MORE_DATA: u16 = 1 << 2;
pub(crate) const EXTRA_INFO: u16 = 1 << 3;

/// A transmit request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tx {
    pub(crate) gref: u32,
    pub(crate) offset: u16,
    pub(crate) flags: u16,
    pub(crate) id: u16,
    pub(crate) size: u16,
}

impl Tx {
    pub(crate) fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.gref.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.offset.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.flags.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.id.to_le_bytes());
        bytes[10..].copy_from_slice(&self.size.to_le_bytes());
        bytes
    }
}

/// A receive request.
pub(crate) fn rx(id: u16, gref: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..2].copy_from_slice(&id.to_le_bytes());
    bytes[4..].copy_from_slice(&gref.to_le_bytes());
    bytes
}

/// An extra info slot: type, flags, then a segmentation type and size.
pub(crate) fn extra(kind: u8, flags: u8, gso_kind: u8, gso_size: u16) -> [u8; 12] {
    let [low, high] = gso_size.to_le_bytes();
    [kind, flags, low, high, gso_kind, 0, 0, 0, 0, 0, 0, 0]
}

/// Bytes of the frames built here.
pub(crate) const FRAME: usize = 60;
pub(crate) const BROADCAST: [u8; 6] = [0xff; 6];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];

fn header(to: [u8; 6], from: [u8; 6], kind: [u8; 2]) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&from);
    frame[12..14].copy_from_slice(&kind);
    frame
}

/// An ARP reply that claims `address` for `mac`.
pub(crate) fn arp(to: [u8; 6], from: [u8; 6], mac: [u8; 6], address: [u8; 4]) -> [u8; FRAME] {
    let mut frame = header(to, from, ARP);
    frame[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 2]);
    frame[22..28].copy_from_slice(&mac);
    frame[28..32].copy_from_slice(&address);
    frame[32..38].copy_from_slice(&to);
    frame[38..42].copy_from_slice(&address);
    frame
}

/// A UDP datagram to the discard port, its checksum not there.
pub(crate) fn udp(to: [u8; 6], from: [u8; 6], target: [u8; 4], source: [u8; 4]) -> [u8; FRAME] {
    let mut frame = header(to, from, IPV4);
    frame[14..24].copy_from_slice(&[0x45, 0, 0, 46, 0, 1, 0, 0, 64, 17]);
    frame[26..30].copy_from_slice(&source);
    frame[30..34].copy_from_slice(&target);
    let sum = !frame[14..34].chunks(2).fold(0_u32, |sum, word| {
        let sum = sum + u32::from(u16::from_be_bytes([word[0], word[1]]));
        (sum & 0xffff) + (sum >> 16)
    });
    frame[24..26].copy_from_slice(&sum.to_be_bytes()[2..]);
    frame[34..42].copy_from_slice(&[0, 9, 0, 9, 0, 26, 0, 0]);
    frame
}
