//! Slots of the two rings of a network interface (`public/io/netif.h`).
//!
//! A packet takes one slot or several, and a slot holds a piece of a packet or an
//! [`ExtraInfo`]: what it is follows from the slots before it. Nothing is checked here.

use crate::bytes::{get, put, u16, u32};
use crate::ring::Protocol;

/// Flags of a packet that the guest sends (`NETTXF_*`).
pub mod tx_flags {
    /// The transport checksum is still to be computed.
    pub const CSUM_BLANK: u16 = 1;
    /// The packet's checksum was found to be right, or was never needed.
    pub const DATA_VALIDATED: u16 = 2;
    /// The packet goes on in the next piece.
    pub const MORE_DATA: u16 = 4;
    /// [`ExtraInfo`](super::ExtraInfo) follows.
    pub const EXTRA_INFO: u16 = 8;
}

/// Flags of a packet for the guest (`NETRXF_*`).
pub mod rx_flags {
    /// As [`tx_flags::DATA_VALIDATED`](super::tx_flags::DATA_VALIDATED).
    pub const DATA_VALIDATED: u16 = 1;
    /// As [`tx_flags::CSUM_BLANK`](super::tx_flags::CSUM_BLANK).
    pub const CSUM_BLANK: u16 = 2;
    /// The packet goes on in the next piece.
    pub const MORE_DATA: u16 = 4;
    /// [`ExtraInfo`](super::ExtraInfo) follows.
    pub const EXTRA_INFO: u16 = 8;
}

/// How a request ended (`NETIF_RSP_*`).
pub mod status {
    /// The packet was not sent, for want of room.
    pub const DROPPED: i16 = -2;
    /// The packet was not sent, its description is wrong.
    pub const ERROR: i16 = -1;
    /// Done.
    pub const OKAY: i16 = 0;
    /// No answer: the slot held extra information.
    pub const NULL: i16 = 1;
}

/// Kinds of long packets (`XEN_NETIF_GSO_TYPE_*`).
pub mod gso {
    /// TCP over IPv4.
    pub const TCPV4: u8 = 1;
    /// TCP over IPv6.
    pub const TCPV6: u8 = 2;
}

/// Pieces that a back end takes for one packet in any case (`XEN_NETIF_NR_SLOTS_MIN`).
pub const MAX_PIECES: usize = 18;

/// A piece of a packet that the guest sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxRequest {
    /// Grant of the page.
    pub gref: u32,
    /// Offset in the page, in bytes.
    pub offset: u16,
    /// [`tx_flags`], of the first piece.
    pub flags: u16,
    /// Comes back in the response.
    pub id: u16,
    /// Bytes: of the whole packet in its first piece, of the piece in later ones.
    pub size: u16,
}

/// The answer to a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxResponse {
    /// From the request.
    pub id: u16,
    /// One of [`status`].
    pub status: i16,
}

/// A page for packets to the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxRequest {
    /// Comes back in the response.
    pub id: u16,
    /// Grant of the page.
    pub gref: u32,
}

/// A piece of a packet for the guest, in the page of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxResponse {
    /// From the request.
    pub id: u16,
    /// Offset in the page, in bytes.
    pub offset: u16,
    /// [`rx_flags`].
    pub flags: u16,
    /// Bytes of the piece, or one of [`status`] if negative.
    pub status: i16,
}

/// What else there is to say about a packet (`struct netif_extra_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraInfo {
    /// What it says.
    pub kind: ExtraKind,
    /// Another one follows.
    pub more: bool,
}

/// Kinds of extra information (`XEN_NETIF_EXTRA_TYPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraKind {
    /// The packet is to be cut.
    Gso {
        /// Most bytes of payload in a part.
        size: u16,
        /// One of [`gso`].
        kind: u8,
    },
    /// The guest wants packets to this group; or no longer, if false.
    Multicast([u8; 6], bool),
    /// Another one of the known kinds.
    Other(u8),
    /// A kind there is not.
    Unknown(u8),
}

const GSO: u8 = 1;
const MCAST_ADD: u8 = 2;
const MCAST_DEL: u8 = 3;
const HASH: u8 = 4;
const MORE: u8 = 1;

impl ExtraInfo {
    fn read(slot: &[u8]) -> Self {
        let kind = match slot[0] {
            GSO => ExtraKind::Gso { size: u16(slot, 2), kind: slot[4] },
            MCAST_ADD => ExtraKind::Multicast(get(slot, 2), true),
            MCAST_DEL => ExtraKind::Multicast(get(slot, 2), false),
            HASH => ExtraKind::Other(HASH),
            other => ExtraKind::Unknown(other),
        };
        ExtraInfo { kind, more: slot[1] & MORE != 0 }
    }

    fn write(&self, slot: &mut [u8]) {
        slot.fill(0);
        slot[1] = u8::from(self.more);
        match self.kind {
            ExtraKind::Gso { size, kind } => {
                slot[0] = GSO;
                put(slot, 2, &size.to_le_bytes());
                slot[4] = kind;
            }
            ExtraKind::Multicast(address, add) => {
                slot[0] = if add { MCAST_ADD } else { MCAST_DEL };
                put(slot, 2, &address);
            }
            ExtraKind::Other(kind) | ExtraKind::Unknown(kind) => slot[0] = kind,
        }
    }
}

/// A slot of the ring of what the guest sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxSlot([u8; 12]);

impl TxSlot {
    /// The slot as a piece.
    #[must_use]
    pub fn request(&self) -> TxRequest {
        let slot = &self.0;
        TxRequest {
            gref: u32(slot, 0),
            offset: u16(slot, 4),
            flags: u16(slot, 6),
            id: u16(slot, 8),
            size: u16(slot, 10),
        }
    }

    /// The slot as extra information.
    #[must_use]
    pub fn extra(&self) -> ExtraInfo {
        ExtraInfo::read(&self.0)
    }
}

impl From<TxRequest> for TxSlot {
    fn from(request: TxRequest) -> Self {
        let mut slot = [0; 12];
        put(&mut slot, 0, &request.gref.to_le_bytes());
        put(&mut slot, 4, &request.offset.to_le_bytes());
        put(&mut slot, 6, &request.flags.to_le_bytes());
        put(&mut slot, 8, &request.id.to_le_bytes());
        put(&mut slot, 10, &request.size.to_le_bytes());
        TxSlot(slot)
    }
}

impl From<ExtraInfo> for TxSlot {
    fn from(extra: ExtraInfo) -> Self {
        let mut slot = [0; 12];
        extra.write(&mut slot);
        TxSlot(slot)
    }
}

/// A slot of the ring of packets for the guest, with the back end's answer in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxSlot([u8; 8]);

impl RxSlot {
    /// The slot as a piece.
    #[must_use]
    pub fn response(&self) -> RxResponse {
        let slot = &self.0;
        RxResponse {
            id: u16(slot, 0),
            offset: u16(slot, 2),
            flags: u16(slot, 4),
            status: i16::from_le_bytes(get(slot, 6)),
        }
    }

    /// The slot as extra information.
    #[must_use]
    pub fn extra(&self) -> ExtraInfo {
        ExtraInfo::read(&self.0)
    }
}

impl From<RxResponse> for RxSlot {
    fn from(response: RxResponse) -> Self {
        let mut slot = [0; 8];
        put(&mut slot, 0, &response.id.to_le_bytes());
        put(&mut slot, 2, &response.offset.to_le_bytes());
        put(&mut slot, 4, &response.flags.to_le_bytes());
        put(&mut slot, 6, &response.status.to_le_bytes());
        RxSlot(slot)
    }
}

impl From<ExtraInfo> for RxSlot {
    fn from(extra: ExtraInfo) -> Self {
        let mut slot = [0; 8];
        extra.write(&mut slot);
        RxSlot(slot)
    }
}

/// The ring of what the guest sends.
#[derive(Debug)]
pub enum Tx {}

impl Protocol for Tx {
    type Request = TxSlot;
    type Response = TxResponse;
    const SLOT: usize = 12;

    fn request(slot: &[u8]) -> TxSlot {
        TxSlot(get(slot, 0))
    }

    fn put_request(request: &TxSlot, slot: &mut [u8]) {
        put(slot, 0, &request.0);
    }

    fn response(slot: &[u8]) -> TxResponse {
        TxResponse { id: u16(slot, 0), status: i16::from_le_bytes(get(slot, 2)) }
    }

    fn put_response(response: &TxResponse, slot: &mut [u8]) -> usize {
        put(slot, 0, &response.id.to_le_bytes());
        put(slot, 2, &response.status.to_le_bytes());
        4
    }
}

/// The ring of packets for the guest.
#[derive(Debug)]
pub enum Rx {}

impl Protocol for Rx {
    type Request = RxRequest;
    type Response = RxSlot;
    const SLOT: usize = 8;

    fn request(slot: &[u8]) -> RxRequest {
        RxRequest { id: u16(slot, 0), gref: u32(slot, 4) }
    }

    fn put_request(request: &RxRequest, slot: &mut [u8]) {
        slot.fill(0);
        put(slot, 0, &request.id.to_le_bytes());
        put(slot, 4, &request.gref.to_le_bytes());
    }

    fn response(slot: &[u8]) -> RxSlot {
        RxSlot(get(slot, 0))
    }

    fn put_response(response: &RxSlot, slot: &mut [u8]) -> usize {
        put(slot, 0, &response.0);
        8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let request = TxRequest {
            gref: 0x0403_0201,
            offset: 0x0605,
            flags: 0x0807,
            id: 0x0a09,
            size: 0x0c0b,
        };
        let slot = TxSlot::from(request);
        assert_eq!(slot.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(slot.request(), request);

        let response = RxResponse { id: 0x0201, offset: 0x0403, flags: 0x0605, status: -2 };
        let slot = RxSlot::from(response);
        assert_eq!(slot.0, [1, 2, 3, 4, 5, 6, 0xfe, 0xff]);
        assert_eq!(slot.response(), response);

        let kind = ExtraKind::Gso { size: 0x05a8, kind: gso::TCPV6 };
        let extra = ExtraInfo { kind, more: true };
        let slot = TxSlot::from(extra);
        assert_eq!(slot.0, [1, 1, 0xa8, 5, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((slot.extra(), RxSlot::from(extra).extra()), (extra, extra));

        let mut slot = [0xff; 8];
        Rx::put_request(&RxRequest { id: 0x0201, gref: 0x0807_0605 }, &mut slot);
        assert_eq!(slot, [1, 2, 0, 0, 5, 6, 7, 8]);
        let mut slot = [0xff; 12];
        assert_eq!(Tx::put_response(&TxResponse { id: 0x0201, status: 1 }, &mut slot), 4);
        assert_eq!(slot[..5], [1, 2, 1, 0, 0xff]);
    }

    #[test]
    fn rings_of_one_page_have_256_slots() {
        assert_eq!((crate::ring::slots::<Tx>(4096), crate::ring::slots::<Rx>(4096)), (256, 256));
    }

    #[test]
    fn kinds_there_are_not_are_told() {
        let extra = TxSlot([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).extra();
        assert_eq!(extra, ExtraInfo { kind: ExtraKind::Unknown(9), more: false });
    }
}
