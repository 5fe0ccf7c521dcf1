//! TCP/IP for Xen guests: `smoltcp` over the net device of the noxs page, with the addresses
//! the page names.
//!
//! A server is a loop of [`Stack::poll`], its own work, and [`Stack::sleep`].

#![no_std]

mod announce;
mod device;

use device::NetDevice;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv4Address, Ipv6Address,
};
use xen_rt::net::{Addresses, Net};
use xen_rt::{Channel, Clock};

/// A network stack on one device.
pub struct Stack {
    device: NetDevice,
    interface: Interface,
    clock: Clock,
    channel: Channel,
}

impl Stack {
    /// A stack with the device's addresses. The device has sent a gratuitous ARP when this
    /// returns, so that the network knows where the guest is.
    #[must_use]
    pub fn new(channel: Channel, mut net: Net, clock: Clock) -> Self {
        let addresses = net.addresses();
        announce::announce(&mut net, &addresses);
        net.flush(channel);
        let mut device = NetDevice::new(net);
        let hardware = HardwareAddress::Ethernet(EthernetAddress(addresses.mac));
        let mut config = Config::new(hardware);
        config.random_seed = clock.now();
        let mut interface = Interface::new(config, &mut device, instant(clock.now()));
        configure(&mut interface, &addresses);
        Self { device, interface, clock, channel }
    }

    /// Moves packets between the device and `sockets` until there are none left to move.
    pub fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        self.interface.poll(instant(self.clock.now()), &mut self.device, sockets);
        self.device.net.flush(self.channel);
    }

    /// Sleeps until something arrives or a timer of `sockets` runs out. Returns at once when
    /// there is something to do already.
    pub fn sleep(&mut self, sockets: &SocketSet<'_>) {
        let now = self.clock.now();
        let until = match self.interface.poll_delay(instant(now), sockets) {
            Some(delay) if delay.total_micros() == 0 => return,
            Some(delay) => Some(now.saturating_add(delay.total_micros().saturating_mul(1000))),
            None => None,
        };
        let net = &mut self.device.net;
        self.channel.sleep(until, || net.has_work());
    }
}

fn configure(interface: &mut Interface, addresses: &Addresses) {
    let v4 = Ipv4Address::from(addresses.ipv4);
    let v6 = Ipv6Address::from(addresses.ipv6);
    interface.update_ip_addrs(|list| {
        // The list has room for four.
        if !v4.is_unspecified() {
            let _ = list.push(IpCidr::new(IpAddress::Ipv4(v4), addresses.prefix4.min(32)));
        }
        if !v6.is_unspecified() {
            let _ = list.push(IpCidr::new(IpAddress::Ipv6(v6), addresses.prefix6.min(128)));
        }
        let local = Ipv6Address::from(link_local(addresses.mac));
        let _ = list.push(IpCidr::new(IpAddress::Ipv6(local), 64));
    });
    let gateway4 = Ipv4Address::from(addresses.gateway4);
    let gateway6 = Ipv6Address::from(addresses.gateway6);
    // The table has room for two.
    if !gateway4.is_unspecified() {
        let _ = interface.routes_mut().add_default_ipv4_route(gateway4);
    }
    if !gateway6.is_unspecified() {
        let _ = interface.routes_mut().add_default_ipv6_route(gateway6);
    }
}

/// The address every interface has on its own link, made of the hardware address (RFC 4291).
fn link_local(mac: [u8; 6]) -> [u8; 16] {
    let [a, b, c, d, e, f] = mac;
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]
}

fn instant(nanoseconds: u64) -> Instant {
    Instant::from_micros(i64::try_from(nanoseconds / 1000).unwrap_or(i64::MAX))
}
