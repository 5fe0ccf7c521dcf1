//! TCP/IP for Xen guests: `smoltcp` over the net devices of the noxs page, with the addresses
//! the page names.
//!
//! A server hands [`run`] its sockets, one set for each device there may be at a time, and a
//! function that serves a set. Devices may come and go while it runs.

#![no_std]

mod announce;
mod checksum;
mod device;
mod guest;
mod neighbours;
mod seat;

pub use guest::run;

use device::NetDevice;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv6Address};
use xen_rt::net::{Closing, Net};
use xen_rt::noxs::device::NetConfig;
use xen_rt::{Clock, Standing};

/// A network stack on one device.
struct Stack {
    device: NetDevice,
    interface: Interface,
}

/// When a stack has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    At(u64),
    /// When the host says so.
    Rung,
}

impl Stack {
    /// A stack with the device's addresses. The device has sent a gratuitous ARP when this
    /// returns, so that the network knows where the guest is.
    fn new(mut net: Net, clock: Clock) -> Self {
        let addresses = net.config();
        announce::announce(&mut net, &addresses);
        net.flush();
        let mut device = NetDevice::new(net);
        let hardware = HardwareAddress::Ethernet(EthernetAddress(addresses.mac));
        let mut config = Config::new(hardware);
        config.random_seed = clock.now();
        let mut interface = Interface::new(config, &mut device, instant(clock.now()));
        configure(&mut interface, &addresses);
        Self { device, interface }
    }

    /// The device's addresses.
    fn addresses(&self) -> NetConfig {
        self.device.net.config()
    }

    /// Moves packets between the device and `sockets` until there are none left to move.
    fn poll(&mut self, clock: Clock, sockets: &mut SocketSet<'_>) {
        self.interface.poll(instant(clock.now()), &mut self.device, sockets);
        self.device.net.flush();
    }

    /// When to look again unless the host rings before.
    fn due(&mut self, now: u64, sockets: &SocketSet<'_>) -> Due {
        match self.interface.poll_delay(instant(now), sockets) {
            Some(Duration::ZERO) if self.device.net.can_send() => Due::Now,
            // Something waits to be sent, which the host has to make room for first.
            Some(Duration::ZERO) | None => Due::Rung,
            Some(delay) => Due::At(now.saturating_add(delay.total_micros().saturating_mul(1000))),
        }
    }

    /// Whether a packet is there. If not, the host tells of the next.
    fn has_work(&mut self) -> bool {
        self.device.net.has_work()
    }

    /// Which of its kind the device is.
    fn index(&self) -> u8 {
        self.device.net.index()
    }

    /// Whether the device is to be closed.
    fn is_leaving(&self) -> bool {
        self.device.net.standing() != Standing::Served
    }

    /// Uses the device no more.
    fn close(self) -> Closing {
        self.device.net.close()
    }
}

fn configure(interface: &mut Interface, addresses: &NetConfig) {
    interface.update_ip_addrs(|list| {
        // The list has room for four.
        if let Some(v4) = addresses.ipv4 {
            let _ = list.push(IpCidr::new(IpAddress::Ipv4(v4.address), v4.prefix.min(32)));
        }
        if let Some(v6) = addresses.ipv6 {
            let _ = list.push(IpCidr::new(IpAddress::Ipv6(v6.address), v6.prefix.min(128)));
        }
        let local = Ipv6Address::from(link_local(addresses.mac));
        let _ = list.push(IpCidr::new(IpAddress::Ipv6(local), 64));
    });
    // The table has room for two.
    if let Some(gateway) = addresses.gateway4 {
        let _ = interface.routes_mut().add_default_ipv4_route(gateway);
    }
    if let Some(gateway) = addresses.gateway6 {
        let _ = interface.routes_mut().add_default_ipv6_route(gateway);
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
