//! Where fields are in a slot.

use super::{ExtraInfo, RxRequest, RxResponse, TxRequest, TxResponse};
use crate::bytes::{get, put, u16, u32};

/// Bytes of a transmit slot.
pub(super) const TX: usize = 12;
/// Bytes of a response in it.
pub(super) const TX_RESPONSE: usize = 4;
/// Bytes of a receive slot.
pub(super) const RX: usize = 8;

/// A slot that the guest wrote to its transmit ring: request or extra info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxSlot([u8; TX]);

/// A slot that the host wrote to the receive ring: response or extra info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxSlot([u8; RX]);

impl TxSlot {
    pub(super) fn read(slot: &[u8]) -> Self {
        Self(get(slot, 0))
    }

    pub(super) fn write(self, slot: &mut [u8]) {
        put(slot, 0, &self.0);
    }

    /// The slot taken as a request.
    #[must_use]
    pub fn request(&self) -> TxRequest {
        TxRequest {
            grant: u32(&self.0, 0),
            offset: u16(&self.0, 4),
            flags: u16(&self.0, 6),
            id: u16(&self.0, 8),
            size: u16(&self.0, 10),
        }
    }

    /// The slot taken as extra info.
    #[must_use]
    pub fn extra(&self) -> ExtraInfo {
        get_extra(&self.0)
    }
}

impl From<TxRequest> for TxSlot {
    fn from(request: TxRequest) -> Self {
        let mut slot = [0; TX];
        put(&mut slot, 0, &request.grant.to_le_bytes());
        put(&mut slot, 4, &request.offset.to_le_bytes());
        put(&mut slot, 6, &request.flags.to_le_bytes());
        put(&mut slot, 8, &request.id.to_le_bytes());
        put(&mut slot, 10, &request.size.to_le_bytes());
        Self(slot)
    }
}

impl From<ExtraInfo> for TxSlot {
    fn from(extra: ExtraInfo) -> Self {
        let mut slot = [0; TX];
        put_extra(extra, &mut slot);
        Self(slot)
    }
}

impl RxSlot {
    pub(super) fn read(slot: &[u8]) -> Self {
        Self(get(slot, 0))
    }

    pub(super) fn write(self, slot: &mut [u8]) {
        put(slot, 0, &self.0);
    }

    /// The slot taken as a response.
    #[must_use]
    pub fn response(&self) -> RxResponse {
        RxResponse {
            id: u16(&self.0, 0),
            offset: u16(&self.0, 2),
            flags: u16(&self.0, 4),
            status: i16::from_le_bytes(get(&self.0, 6)),
        }
    }

    /// The slot taken as extra info.
    #[must_use]
    pub fn extra(&self) -> ExtraInfo {
        get_extra(&self.0)
    }
}

impl From<RxResponse> for RxSlot {
    fn from(response: RxResponse) -> Self {
        let mut slot = [0; RX];
        put(&mut slot, 0, &response.id.to_le_bytes());
        put(&mut slot, 2, &response.offset.to_le_bytes());
        put(&mut slot, 4, &response.flags.to_le_bytes());
        put(&mut slot, 6, &response.status.to_le_bytes());
        Self(slot)
    }
}

impl From<ExtraInfo> for RxSlot {
    fn from(extra: ExtraInfo) -> Self {
        let mut slot = [0; RX];
        put_extra(extra, &mut slot);
        Self(slot)
    }
}

fn get_extra(slot: &[u8]) -> ExtraInfo {
    ExtraInfo { kind: slot[0], flags: slot[1], data: get(slot, 2) }
}

fn put_extra(extra: ExtraInfo, slot: &mut [u8]) {
    put(slot, 0, &[extra.kind, extra.flags]);
    put(slot, 2, &extra.data);
}

pub(super) fn tx_response(slot: &[u8]) -> TxResponse {
    TxResponse { id: u16(slot, 0), status: i16::from_le_bytes(get(slot, 2)) }
}

pub(super) fn put_tx_response(response: &TxResponse, slot: &mut [u8]) {
    put(slot, 0, &response.id.to_le_bytes());
    put(slot, 2, &response.status.to_le_bytes());
}

pub(super) fn rx_request(slot: &[u8]) -> RxRequest {
    RxRequest { id: u16(slot, 0), grant: u32(slot, 4) }
}

pub(super) fn put_rx_request(request: &RxRequest, slot: &mut [u8]) {
    put(slot, 0, &request.id.to_le_bytes());
    put(slot, 2, &[0; 2]);
    put(slot, 4, &request.grant.to_le_bytes());
}
