//! The net device as `smoltcp` wants one: buffers are filled and read in place.

use crate::checksum;
use crate::neighbours::{ARP_FRAME, Neighbours};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use xen_rt::net::{self, Net, Packet, Receiver, Sender};

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
        let leaves_checksums = self.net.leaves_checksums();
        let (receiver, sender) = self.net.halves();
        if !sender.has_room() {
            return None;
        }
        let is_wrong = |packet: Packet<'_>| {
            leaves_checksums && !packet.is_checked && !checksum::is_right(packet.bytes)
        };
        while receiver.peek(is_wrong)? {
            receiver.take(|_| ());
        }
        let now = u64::try_from(now.total_micros()).unwrap_or(0) * 1000;
        let introduction = receiver.peek(|packet| self.neighbours.introduce(packet.bytes, now))?;
        let received = match introduction {
            Some(introduction) => Received::Introduction(introduction),
            None => Received::Packet(receiver),
        };
        Some((received, ToSend { sender, leaves_checksums }))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        let leaves_checksums = self.net.leaves_checksums();
        let (_, sender) = self.net.halves();
        sender.has_room().then_some(ToSend { sender, leaves_checksums })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.net.mtu() + HEADER;
        if self.net.leaves_checksums() {
            capabilities.checksum.tcp = Checksum::None;
            capabilities.checksum.udp = Checksum::None;
        }
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
                receiver.take(|packet| f(packet.bytes)).expect("a packet was there for this token")
            }
            Self::Introduction(frame) => f(&frame),
        }
    }
}

pub(crate) struct ToSend<'a> {
    sender: &'a mut Sender,
    leaves_checksums: bool,
}

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let fill = |frame: &mut [u8]| {
            let result = f(frame);
            match self.leaves_checksums && checksum::leave(frame) {
                true => (result, net::Checksum::Blank),
                false => (result, net::Checksum::Present),
            }
        };
        self.sender.send(length, fill).expect("there was room when the token was made")
    }
}
