//! The net device as `smoltcp` wants one: buffers are filled and read in place.

use crate::neighbours::{ARP_FRAME, Neighbours};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use xen_rt::net::{Net, Receiver, Sender};

/// Bytes of an Ethernet header.
const HEADER: usize = 14;

pub(crate) struct NetDevice {
    pub(crate) net: Net,
    neighbours: Neighbours,
}

impl NetDevice {
    pub(crate) fn new(net: Net) -> Self {
        let neighbours = Neighbours::new(net.config());
        Self { net, neighbours }
    }
}

impl Device for NetDevice {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, now: Instant) -> Option<(Received<'_>, ToSend<'_>)> {
        let (receiver, sender) = self.net.halves();
        if !sender.has_room() {
            return None;
        }
        let now = u64::try_from(now.total_micros()).unwrap_or(0) * 1000;
        let received = match receiver.peek(|frame| self.neighbours.introduce(frame, now))? {
            Some(introduction) => Received::Introduction(introduction),
            None => Received::Packet(receiver),
        };
        Some((received, ToSend(sender)))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        let (_, sender) = self.net.halves();
        sender.has_room().then_some(ToSend(sender))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.net.mtu() + HEADER;
        capabilities
    }
}

/// What the stack gets to see next.
pub(crate) enum Received<'a> {
    /// A packet that has come.
    Packet(&'a mut Receiver),
    /// What it has to know before the packet.
    Introduction([u8; ARP_FRAME]),
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        match self {
            Self::Packet(receiver) => {
                receiver.take(|packet| f(packet)).expect("a packet was there for this token")
            }
            Self::Introduction(frame) => f(&frame),
        }
    }
}

pub(crate) struct ToSend<'a>(&'a mut Sender);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        self.0.send(length, f).expect("there was room when the token was made")
    }
}
