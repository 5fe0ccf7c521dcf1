//! One guest's port: its pins, limits, counters and the packets that wait for it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use macaddr::MacAddr6;

use super::bucket::Bucket;
use super::counters::Counters;
use super::dhcp::Lease;
use super::packet::{Abilities, Packet};
use super::pins::{Pins, Spoof};
use super::{DeviceId, NetworkId};

/// Most bytes of memory that packets waiting for one port occupy.
pub const MAX_QUEUED: usize = 4 << 20;
/// Most bytes of memory for packets waiting for all ports of a shard.
pub const MAX_QUEUED_TOTAL: usize = 64 << 20;
/// Frames to groups that a port may send per second, and at once.
const GROUP_RATE: (u64, u64) = (200, 400);

/// What a port is to be.
#[derive(Clone, Debug)]
pub struct PortSpec {
    /// The network it belongs to.
    pub network: NetworkId,
    /// Who is told that packets wait.
    pub device: DeviceId,
    /// The device's MAC address.
    pub mac: MacAddr6,
    /// Its IP addresses; empty where it may have any.
    pub addresses: Vec<IpAddr>,
    /// Whether the guest may use these addresses alone.
    pub pinned: bool,
    /// What a DHCP client behind the port is told.
    pub lease: Option<Lease>,
}

pub(super) struct Port {
    pub(super) generation: u32,
    pub(super) network: NetworkId,
    pub(super) device: DeviceId,
    pub(super) pins: Option<Pins>,
    pub(super) lease: Option<Lease>,
    pub(super) mac: MacAddr6,
    /// What its guest takes; nothing before its driver has said so.
    pub(super) abilities: Abilities,
    pub(super) groups: Bucket,
    pub(super) queue: Queue,
    /// It is in the list of ports to be served.
    pub(super) announced: bool,
    pub(super) counters: Counters,
}

impl Port {
    pub(super) fn new(spec: PortSpec, generation: u32, now: Instant) -> Port {
        Port {
            generation,
            network: spec.network,
            device: spec.device,
            pins: spec.pinned.then(|| Pins::new(spec.mac, &spec.addresses)),
            lease: spec.lease,
            mac: spec.mac,
            abilities: Abilities::default(),
            groups: Bucket::new(GROUP_RATE.0, GROUP_RATE.1, now),
            queue: Queue::default(),
            announced: false,
            counters: Counters::default(),
        }
    }
}

/// Why a port did not take a frame from its guest.
pub(super) enum Refusal {
    /// It is in another's name.
    Spoofed(Spoof),
    /// Too many frames to groups.
    GroupLimit,
}

impl Port {
    /// Whether the guest may send `frame` now.
    pub(super) fn admit(&mut self, frame: &[u8], now: Instant) -> Result<(), Refusal> {
        if let Some(pins) = &self.pins {
            pins.check(frame).map_err(Refusal::Spoofed)?;
        }
        let Some(first) = frame.first() else { return Err(Refusal::Spoofed(Spoof::Malformed)) };
        if first & 1 != 0 && !self.groups.take(1, now) {
            return Err(Refusal::GroupLimit);
        }
        Ok(())
    }

    pub(super) fn count_refused(&mut self, reason: Refusal) {
        match reason {
            Refusal::Spoofed(reason) => self.counters.spoofed.count(reason),
            Refusal::GroupLimit => self.counters.group_limit += 1,
        }
    }
}

/// Packets in the order they came, bounded by the memory they occupy.
#[derive(Default)]
pub(super) struct Queue {
    packets: VecDeque<Packet>,
    bytes: usize,
}

impl Queue {
    /// Whether a packet of `footprint` bytes may still wait here, when `total` bytes wait
    /// in all queues. Whoever has much already yields first when memory becomes scarce.
    pub(super) fn admits(&self, footprint: usize, total: usize) -> bool {
        let left = MAX_QUEUED_TOTAL.saturating_sub(total);
        self.bytes == 0 || self.bytes + footprint <= MAX_QUEUED.min(left / 2)
    }

    pub(super) fn push(&mut self, packet: Packet) {
        self.bytes += packet.footprint();
        self.packets.push_back(packet);
    }

    pub(super) fn front(&self) -> Option<&Packet> {
        self.packets.front()
    }

    pub(super) fn pop(&mut self) -> Option<Packet> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet.footprint();
        if self.packets.is_empty() && self.packets.capacity() > 64 {
            self.packets = VecDeque::new();
        }
        Some(packet)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pool::{MAX_FRAME, Pool};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn queues_stay_in_their_bounds(steps in proptest::collection::vec((0..4usize, any::<bool>(), any::<bool>()), 0..400)) {
            let mut pool = Pool::default();
            let mut queues: Vec<Queue> = (0..4).map(|_| Queue::default()).collect();
            for (n, large, take) in steps {
                let total = queues.iter().map(|q| q.bytes).sum();
                if take {
                    queues[n].pop().into_iter().for_each(|p| pool.recycle(p));
                    continue;
                }
                let packet = pool.packet(if large { MAX_FRAME } else { 60 });
                if queues[n].admits(packet.footprint(), total) {
                    queues[n].push(packet);
                }
                prop_assert!(queues[n].bytes <= MAX_QUEUED);
                let real: usize = queues[n].packets.iter().map(Packet::footprint).sum();
                prop_assert_eq!(queues[n].bytes, real);
            }
        }
    }

    #[test]
    fn one_that_does_not_empty_leaves_room_for_others() {
        let mut pool = Pool::default();
        let full = MAX_QUEUED_TOTAL - MAX_QUEUED;
        let mut stuck = Queue::default();
        while stuck.admits(4096, full + stuck.bytes) {
            stuck.push(pool.packet(60));
        }
        assert!(stuck.bytes < MAX_QUEUED / 2);
        assert!(Queue::default().admits(4096, full + stuck.bytes));
    }
}
