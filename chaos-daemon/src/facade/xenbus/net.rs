//! Nodes of a network device: `public/io/netif.h`.

use serde::{Deserialize, Serialize};

use super::front::{FrontEnd, Reader};

/// A network device as the host offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetDevice {
    /// Which one: 0 is the guest's first.
    pub index: u32,
    /// Its address.
    pub mac: [u8; 6],
    /// Largest packet in bytes, when it is not 1500.
    pub mtu: Option<u16>,
    /// Packets of several pieces are taken.
    pub scatter: bool,
    /// TCP segments larger than the MTU are taken.
    pub segmentation: bool,
}

/// What a network front end said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetFront {
    /// Grant of the ring of packets from the guest.
    pub tx: u32,
    /// Grant of the ring of packets to the guest.
    pub rx: u32,
    /// The guest's event channel, for both rings.
    pub port: u32,
    /// It takes packets of several pieces.
    pub scatter: bool,
    /// It takes large TCP segments over IPv4.
    pub segmentation_v4: bool,
    /// It takes large TCP segments over IPv6.
    pub segmentation_v6: bool,
    /// It takes packets with a checksum left blank, over IPv4.
    pub checksum_v4: bool,
    /// It takes packets with a checksum left blank, over IPv6.
    pub checksum_v6: bool,
}

impl NetDevice {
    /// Nodes the guest reads in the back end's folder.
    pub(super) fn offer(&self) -> Vec<(String, String)> {
        let flag = |on: bool| u8::from(on).to_string();
        let nodes = [
            ("mac", self.mac_text()),
            ("handle", self.index.to_string()),
            ("feature-sg", flag(self.scatter)),
            ("feature-gso-tcpv4", flag(self.segmentation)),
            ("feature-gso-tcpv6", flag(self.segmentation)),
            ("feature-ipv6-csum-offload", flag(true)),
            ("feature-rx-copy", flag(true)),
            ("feature-rx-flip", flag(false)),
            ("feature-split-event-channels", flag(false)),
            ("feature-multicast-control", flag(false)),
            ("multi-queue-max-queues", "1".into()),
        ];
        nodes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Nodes the guest reads in its own folder.
    pub(super) fn front_nodes(&self) -> Vec<(String, String)> {
        let mut nodes = vec![
            ("handle".to_owned(), self.index.to_string()),
            ("mac".to_owned(), self.mac_text()),
        ];
        nodes.extend(self.mtu.map(|mtu| ("mtu".to_owned(), mtu.to_string())));
        nodes
    }

    fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }
}

impl NetFront {
    pub(super) fn read(reader: &Reader<'_>) -> Result<NetFront, FrontEnd> {
        if reader.number("request-rx-copy")? != Some(1) {
            return Err(FrontEnd::Unsupported(
                "packets by page flipping (request-rx-copy is not 1)",
            ));
        }
        if reader.number("multi-queue-num-queues")?.is_some_and(|n| n != 1) {
            return Err(FrontEnd::Unsupported("more than one queue"));
        }
        let flag = |name| Ok::<_, FrontEnd>(reader.number(name)? == Some(1));
        Ok(NetFront {
            tx: reader.needed("tx-ring-ref")?,
            rx: reader.needed("rx-ring-ref")?,
            port: reader.needed("event-channel")?,
            scatter: flag("feature-sg")?,
            segmentation_v4: flag("feature-gso-tcpv4")?,
            segmentation_v6: flag("feature-gso-tcpv6")?,
            checksum_v4: !flag("feature-no-csum-offload")?,
            checksum_v6: flag("feature-ipv6-csum-offload")?,
        })
    }
}
