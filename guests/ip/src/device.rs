//! The net device as `smoltcp` wants one: buffers are filled and read in place.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use xen_rt::net::{Net, Receiver, Sender};

/// Bytes of an Ethernet header.
const HEADER: usize = 14;

pub(crate) struct NetDevice {
    pub(crate) net: Net,
}

impl NetDevice {
    pub(crate) fn new(net: Net) -> Self {
        Self { net }
    }
}

impl Device for NetDevice {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, ToSend<'_>)> {
        let (receiver, sender) = self.net.halves();
        (sender.has_room() && receiver.has_packet()).then_some((Received(receiver), ToSend(sender)))
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

pub(crate) struct Received<'a>(&'a mut Receiver);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        self.0.take(|packet| f(packet)).expect("a packet was there when the token was made")
    }
}

pub(crate) struct ToSend<'a>(&'a mut Sender);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        self.0.send(length, f).expect("there was room when the token was made")
    }
}
