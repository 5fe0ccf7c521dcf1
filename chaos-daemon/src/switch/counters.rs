//! What passed a port and what did not, and why.

use super::pins::Spoof;

/// Counters of one port since it was made. "Sent" is what the guest sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// Packets the guest sent and the switch took.
    pub sent_packets: u64,
    /// Bytes of these.
    pub sent_bytes: u64,
    /// Packets handed to the guest.
    pub received_packets: u64,
    /// Bytes of these.
    pub received_bytes: u64,
    /// Frames dropped as not in the guest's own name.
    pub spoofed: Spoofed,
    /// Frames to groups above the limit.
    pub group_limit: u64,
    /// Frames that had nowhere to go.
    pub nowhere: u64,
    /// Packets for the guest that found no room to wait.
    pub queue_full: u64,
    /// Packets whose headers did not fit what was left to do.
    pub malformed: u64,
    /// Packets that the uplink did not take.
    pub uplink_refused: u64,
}

/// Frames dropped as not in the guest's own name, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Spoofed {
    /// Source MAC address.
    pub mac: u64,
    /// ARP sender.
    pub arp: u64,
    /// IPv4 source address.
    pub ipv4: u64,
    /// IPv6 source address.
    pub ipv6: u64,
    /// Neighbour discovery.
    pub neighbour: u64,
    /// DHCP answers.
    pub dhcp: u64,
    /// Protocols that are not passed on.
    pub protocol: u64,
    /// Malformed headers.
    pub malformed: u64,
}

impl Spoofed {
    /// Counts one.
    pub fn count(&mut self, reason: Spoof) {
        let counter = match reason {
            Spoof::Mac => &mut self.mac,
            Spoof::Arp => &mut self.arp,
            Spoof::Ipv4 => &mut self.ipv4,
            Spoof::Ipv6 => &mut self.ipv6,
            Spoof::Neighbour => &mut self.neighbour,
            Spoof::Dhcp => &mut self.dhcp,
            Spoof::Protocol => &mut self.protocol,
            Spoof::Malformed => &mut self.malformed,
        };
        *counter += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        [
            self.mac,
            self.arp,
            self.ipv4,
            self.ipv6,
            self.neighbour,
            self.dhcp,
            self.protocol,
            self.malformed,
        ]
        .iter()
        .sum()
    }
}
