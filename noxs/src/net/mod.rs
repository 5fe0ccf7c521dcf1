//! Requests and responses of network devices (`public/io/netif.h`).
//!
//! A device has two rings: *transmit* takes the guest's packets, *receive* the guest's empty
//! buffers. A packet may lie in several slots: each but the last has [`flags::MORE_DATA`],
//! and between the first and the others may stand slots of [`ExtraInfo`], announced by
//! [`flags::EXTRA_INFO`]. Which of the two a slot holds only the slot before can tell.

mod slot;

use crate::ring::Protocol;
pub use slot::{RxSlot, TxSlot};

/// The transmit ring.
#[derive(Clone, Copy, Debug)]
pub struct Tx;

/// The receive ring.
#[derive(Clone, Copy, Debug)]
pub struct Rx;

/// Flags of a slot, the same both ways (`NETTXF_*`, `NETRXF_*`).
pub mod flags {
    /// Transmit: the checksum is to be filled in. (`NETTXF_csum_blank`)
    pub const TX_CSUM_BLANK: u16 = 1;
    /// Transmit: the data is known to be right. (`NETTXF_data_validated`)
    pub const TX_DATA_VALIDATED: u16 = 1 << 1;
    /// Receive: the data is known to be right. (`NETRXF_data_validated`)
    pub const RX_DATA_VALIDATED: u16 = 1;
    /// Receive: the checksum is not filled in. (`NETRXF_csum_blank`)
    pub const RX_CSUM_BLANK: u16 = 1 << 1;
    /// The packet goes on in the next slot that is no extra info.
    pub const MORE_DATA: u16 = 1 << 2;
    /// The next slot is extra info.
    pub const EXTRA_INFO: u16 = 1 << 3;
}

/// How a request ended (`NETIF_RSP_*`); in a receive response, a positive one is the length.
pub mod status {
    /// The packet was dropped on purpose.
    pub const DROPPED: i16 = -2;
    /// Something was wrong.
    pub const ERROR: i16 = -1;
    /// The packet was sent.
    pub const OKAY: i16 = 0;
    /// The answer to a slot of extra info.
    pub const NULL: i16 = 1;
}

/// Kinds of extra info (`XEN_NETIF_EXTRA_TYPE_*`).
pub mod extra {
    /// Segmentation offload.
    pub const GSO: u8 = 1;
    /// Multicast address added.
    pub const MCAST_ADD: u8 = 2;
    /// Multicast address removed.
    pub const MCAST_DEL: u8 = 3;
    /// Hash of the flow.
    pub const HASH: u8 = 4;
    /// Another slot of extra info follows.
    pub const FLAG_MORE: u8 = 1;
    /// TCP over IPv4 is to be cut.
    pub const GSO_TCPV4: u8 = 1;
    /// TCP over IPv6 is to be cut.
    pub const GSO_TCPV6: u8 = 2;
}

/// A part of a packet that the guest sends. Nothing is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxRequest {
    /// The page.
    pub grant: u32,
    /// Where in the page the part begins.
    pub offset: u16,
    /// See [`flags`].
    pub flags: u16,
    /// The front end's own number, echoed in the response.
    pub id: u16,
    /// Bytes: of the whole packet in its first slot, of the part in others.
    pub size: u16,
}

/// The answer to a [`TxRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxResponse {
    /// That of the request.
    pub id: u16,
    /// See [`status`].
    pub status: i16,
}

/// An empty buffer of the guest. Nothing is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RxRequest {
    /// The front end's own number, echoed in the response.
    pub id: u16,
    /// The page.
    pub grant: u32,
}

/// A part of a packet that the guest receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxResponse {
    /// That of the request.
    pub id: u16,
    /// Where in the page the part begins.
    pub offset: u16,
    /// See [`flags`].
    pub flags: u16,
    /// Bytes of the part; negative: see [`status`].
    pub status: i16,
}

/// What belongs to a packet beyond its bytes. Nothing is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraInfo {
    /// See [`extra`].
    pub kind: u8,
    /// See [`extra`].
    pub flags: u8,
    /// Content, which depends on the kind.
    pub data: [u8; 6],
}

impl ExtraInfo {
    /// Segmentation: `size` bytes of payload in each piece, `kind` as in [`extra`].
    #[must_use]
    pub const fn gso(kind: u8, size: u16) -> Self {
        let [low, high] = size.to_le_bytes();
        Self { kind: extra::GSO, flags: 0, data: [low, high, kind, 0, 0, 0] }
    }

    /// Kind and size of segmentation, when this is about segmentation.
    #[must_use]
    pub const fn as_gso(&self) -> Option<(u8, u16)> {
        match self.kind {
            extra::GSO => Some((self.data[2], u16::from_le_bytes([self.data[0], self.data[1]]))),
            _ => None,
        }
    }

    /// Whether another slot of extra info follows.
    #[must_use]
    pub const fn more(&self) -> bool {
        self.flags & extra::FLAG_MORE != 0
    }
}

impl Protocol for Tx {
    type Request = TxSlot;
    type Response = TxResponse;
    const SLOT: usize = slot::TX;
    const RESPONSE: usize = slot::TX_RESPONSE;

    fn request(slot: &[u8]) -> TxSlot {
        TxSlot::read(slot)
    }

    fn put_request(request: &TxSlot, slot: &mut [u8]) {
        request.write(slot);
    }

    fn response(slot: &[u8]) -> TxResponse {
        slot::tx_response(slot)
    }

    fn put_response(response: &TxResponse, slot: &mut [u8]) {
        slot::put_tx_response(response, slot);
    }
}

impl Protocol for Rx {
    type Request = RxRequest;
    type Response = RxSlot;
    const SLOT: usize = slot::RX;
    const RESPONSE: usize = slot::RX;

    fn request(slot: &[u8]) -> RxRequest {
        slot::rx_request(slot)
    }

    fn put_request(request: &RxRequest, slot: &mut [u8]) {
        slot::put_rx_request(request, slot);
    }

    fn response(slot: &[u8]) -> RxSlot {
        RxSlot::read(slot)
    }

    fn put_response(response: &RxSlot, slot: &mut [u8]) {
        response.write(slot);
    }
}

#[cfg(test)]
mod tests;
