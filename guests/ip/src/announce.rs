//! The first packet of a guest: a gratuitous ARP, which tells the network where it is.

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Ipv4Address,
};
use xen_rt::net::{Checksum, Net};
use xen_rt::noxs::device::NetConfig;

/// Bytes of an ARP packet for IPv4 in an Ethernet frame.
const LENGTH: usize = 14 + 28;

/// Puts an announcement of the guest's addresses into the queue of `net`. A guest without an
/// IPv4 address announces the unspecified one: switches learn from the hardware address.
pub(crate) fn announce(net: &mut Net, addresses: &NetConfig) {
    let mac = EthernetAddress(addresses.mac);
    let address = addresses.ipv4.map_or(Ipv4Address::UNSPECIFIED, |ipv4| ipv4.address);
    let header = EthernetRepr {
        src_addr: mac,
        dst_addr: EthernetAddress::BROADCAST,
        ethertype: EthernetProtocol::Arp,
    };
    let request = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: mac,
        source_protocol_addr: address,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: address,
    };
    let (_, sender) = net.halves();
    // A ring nobody has used yet has room; without, the guest answers when it is asked.
    sender.send(LENGTH, |bytes| {
        let mut frame = EthernetFrame::new_unchecked(bytes);
        header.emit(&mut frame);
        request.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
        ((), Checksum::Present)
    });
}
