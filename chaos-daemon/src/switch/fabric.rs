//! One shard's part of the switch: its ports, its queues of the uplinks, its tables.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout};
use slab::Slab;

use super::bucket::Bucket;
use super::forward::{Ports, Verdict, decide};
use super::packet::{Abilities, Packet};
use super::peers::{Message, Peers, Seed};
use super::pool::Pool;
use super::port::{Port, PortSpec};
use super::table::{Place, PortId, Table, Taken};
use super::uplink::{Look, Uplink};
use super::{Counters, DeviceId, NetworkId, dhcp, frame, segment};

/// Frames to groups from one uplink per second, and at once.
const UPLINK_GROUP_RATE: (u64, u64) = (2000, 4000);
/// Messages of other shards in a row.
const MAX_MESSAGES: usize = 256;
/// How often tables are rid of what is old.
const EXPIRY: Duration = Duration::from_secs(30);
/// Marks what the fabric polls among the events of its shard: the lower half is a network ...
const OURS: u64 = 1 << 63;
/// ... unless it is the bell of the other shards.
const BELL: u64 = u64::MAX;

/// A change that every shard has to learn of.
#[derive(Debug)]
pub enum Update {
    /// There is a network; this shard's queue of its uplink, if it has one: a non-blocking
    /// tap with `IFF_VNET_HDR`.
    Open(NetworkId, Option<OwnedFd>),
    /// A network is gone. Its ports should be, too; packets from them go nowhere.
    Close(NetworkId),
}

/// One network as a shard knows it.
struct Network {
    table: Table,
    uplink: Option<Uplink>,
    /// Local ports.
    ports: Vec<u32>,
    groups: Bucket,
    /// Ports on other shards.
    remote: HashMap<u16, usize>,
}

impl Network {
    fn new(now: Instant) -> Network {
        Network {
            table: Table::default(),
            uplink: None,
            ports: Vec::new(),
            groups: Bucket::new(UPLINK_GROUP_RATE.0, UPLINK_GROUP_RATE.1, now),
            remote: HashMap::new(),
        }
    }
}

/// The ports of a shard, and memory for what waits at them.
#[derive(Default)]
struct Yard {
    ports: Slab<Port>,
    /// Ports with packets that nobody was told of yet.
    ready: VecDeque<u32>,
    pool: Pool,
    /// Bytes of memory of all packets that wait.
    queued: usize,
}

impl Yard {
    fn port(&mut self, id: PortId) -> Option<&mut Port> {
        let port = self.ports.get_mut(id.slot as usize)?;
        (port.generation == id.generation).then_some(port)
    }

    /// Lets `packet` wait for the guest at port `slot`, in the form it takes.
    fn enqueue(&mut self, slot: u32, packet: Packet) {
        let Yard { ports, ready, pool, queued } = self;
        let Some(port) = ports.get_mut(slot as usize) else { return pool.recycle(packet) };
        let Port { queue, counters, announced, abilities, .. } = port;
        let done = segment::adapt(packet, *abilities, pool, |pool, part| {
            let part = pool.compact(part);
            if !queue.admits(part.footprint(), *queued) {
                counters.queue_full += 1;
                return pool.recycle(part);
            }
            *queued += part.footprint();
            queue.push(part);
            if !std::mem::replace(announced, true) {
                ready.push_back(slot);
            }
        });
        if done.is_err() {
            counters.malformed += 1;
        }
    }
}

/// One shard's part of the switch.
pub struct Fabric {
    shard: u16,
    poll: Arc<Epoll>,
    peers: Peers,
    networks: HashMap<NetworkId, Network>,
    yard: Yard,
    generation: u32,
    expired: Instant,
    /// Frames just read, empty between calls.
    received: Vec<Packet>,
    /// Frames that the host took since this was asked for.
    sent_up: u32,
    /// Counts the shard's waits.
    round: u64,
}

impl fmt::Debug for Fabric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fabric").field("shard", &self.shard).finish_non_exhaustive()
    }
}

impl Fabric {
    /// A fabric without ports. What it waits for is polled by `poll`, whose events go to
    /// [`Fabric::take`]: the shard's one wait is all that a packet costs.
    ///
    /// # Errors
    /// When `poll` cannot have more.
    pub fn new(seed: Seed, poll: Arc<Epoll>) -> io::Result<Fabric> {
        let shard = seed.shard;
        let peers = Peers::new(seed);
        poll.add(peers.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Fabric {
            shard,
            poll,
            peers,
            networks: HashMap::new(),
            yard: Yard::default(),
            generation: 0,
            expired: Instant::now(),
            received: Vec::new(),
            sent_up: 0,
            round: 0,
        })
    }

    /// Learns a change of the tables.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Open(id, tap) => self.open(id, tap),
            Update::Close(id) => self.close(id),
        }
    }

    fn open(&mut self, id: NetworkId, tap: Option<OwnedFd>) {
        let network = self.networks.entry(id).or_insert_with(|| Network::new(Instant::now()));
        network.uplink = tap.map(Uplink::new);
        if let Some(uplink) = &network.uplink {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, OURS | u64::from(id.0));
            if let Err(e) = self.poll.add(uplink.as_fd(), event) {
                tracing::error!("network {}: its tap cannot be polled: {e}", id.0);
            }
        }
    }

    fn close(&mut self, id: NetworkId) {
        // Closing the tap takes it out of what is polled.
        self.networks.remove(&id);
    }

    /// Makes a port for a guest's device on this shard.
    ///
    /// # Errors
    /// When its MAC address is pinned to another port of the network.
    pub fn add_port(&mut self, spec: PortSpec, now: Instant) -> Result<PortId, Taken> {
        let network = self.networks.entry(spec.network).or_insert_with(|| Network::new(now));
        let id = spec.network;
        self.generation = self.generation.wrapping_add(1);
        let slot = u32::try_from(self.yard.ports.vacant_key()).expect("fewer ports");
        let port = PortId { shard: self.shard, slot, generation: self.generation };
        let mut pinned = None;
        let made = Port::new(spec, self.generation, now);
        if let Some(pins) = &made.pins {
            network.table.pin(pins.mac(), pins.v4(), port, now)?;
            pinned = Some((pins.mac(), pins.v4().to_vec()));
        }
        self.yard.ports.insert(made);
        network.ports.push(slot);
        self.tell_all(|| Message::PortUp(id, port, pinned.clone()));
        Ok(port)
    }

    /// Removes a port and what waits there. A port that is gone already is no error.
    pub fn remove_port(&mut self, id: PortId) {
        if self.yard.port(id).is_none() {
            return;
        }
        let mut port = self.yard.ports.remove(id.slot as usize);
        while let Some(packet) = port.queue.pop() {
            self.yard.queued -= packet.footprint();
            self.yard.pool.recycle(packet);
        }
        self.yard.ready.retain(|&slot| slot != id.slot);
        if let Some(network) = self.networks.get_mut(&port.network) {
            network.ports.retain(|&slot| slot != id.slot);
            network.table.remove(id);
        }
        self.tell_all(|| Message::PortDown(port.network, id));
    }

    /// Says what the guest at a port takes.
    pub fn set_abilities(&mut self, id: PortId, abilities: Abilities) {
        if let Some(port) = self.yard.port(id) {
            port.abilities = abilities;
        }
    }

    /// What passed a port; `None` when it is gone.
    pub fn counters(&mut self, id: PortId) -> Option<Counters> {
        self.yard.port(id).map(|port| port.counters)
    }

    /// Memory for packets.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.yard.pool
    }

    /// Takes a packet that the guest at `id` sends.
    pub fn input(&mut self, id: PortId, packet: Packet, now: Instant) {
        let Some(port) = self.yard.port(id) else { return self.yard.pool.recycle(packet) };
        if let Err(reason) = port.admit(packet.frame(), now) {
            port.count_refused(reason);
            return self.yard.pool.recycle(packet);
        }
        port.counters.sent_packets += 1;
        port.counters.sent_bytes += packet.frame().len() as u64;
        if let Some(lease) = port.lease.as_ref().filter(|_| dhcp::is_request(packet.frame())) {
            let answer = dhcp::answer(packet.frame(), lease, port.mac);
            self.yard.pool.recycle(packet);
            if let Some(answer) = answer {
                let answer = self.yard.pool.packet_of(&answer);
                self.yard.enqueue(id.slot, answer);
            }
            return;
        }
        let (network, learn) = (port.network, port.pins.is_none());
        self.forward(network, Place::Port(id), learn, packet, now);
    }

    fn forward(&mut self, id: NetworkId, from: Place, learn: bool, packet: Packet, now: Instant) {
        let Some(network) = self.networks.get_mut(&id) else {
            return self.yard.pool.recycle(packet);
        };
        let (verdict, news) = decide(&mut network.table, from, learn, packet.frame(), now);
        if news && !self.peers.is_alone() {
            self.tell_learned(id, from, packet.frame());
        }
        match verdict {
            Verdict::To(Place::Uplink) => self.send_up(id, from, packet),
            Verdict::To(Place::Port(port)) => self.send_to(port, packet),
            Verdict::Flood(ports) => self.flood(id, from, ports, packet),
            Verdict::Nowhere => self.refuse(from, packet, |counters| counters.nowhere += 1),
        }
    }

    fn tell_learned(&mut self, id: NetworkId, from: Place, bytes: &[u8]) {
        if let Ok(ethernet) = frame::Ethernet::read(bytes) {
            self.tell_all(|| Message::Learned(id, ethernet.source, from));
        }
    }

    fn tell_all(&mut self, message: impl Fn() -> Message) {
        for shard in self.peers.others() {
            self.peers.send(shard, message());
        }
    }

    /// Drops `packet` and counts that at the port it came from.
    fn refuse(&mut self, from: Place, packet: Packet, count: impl FnOnce(&mut Counters)) {
        self.yard.pool.recycle(packet);
        if let Place::Port(id) = from
            && let Some(port) = self.yard.port(id)
        {
            count(&mut port.counters);
        }
    }

    fn send_up(&mut self, id: NetworkId, from: Place, mut packet: Packet) {
        let uplink = self.networks.get(&id).and_then(|network| network.uplink.as_ref());
        if uplink.is_some_and(|uplink| uplink.send(&mut packet)) {
            self.sent_up += 1;
            self.yard.pool.recycle(packet);
        } else {
            self.refuse(from, packet, |counters| counters.uplink_refused += 1);
        }
    }

    fn send_to(&mut self, port: PortId, packet: Packet) {
        if port.shard == self.shard {
            match self.yard.port(port) {
                Some(_) => self.yard.enqueue(port.slot, packet),
                None => self.yard.pool.recycle(packet),
            }
        } else {
            self.send_across(port.shard, Message::Deliver(port, packet));
        }
    }

    fn send_across(&mut self, shard: u16, message: Message) {
        let back = self.peers.send(shard, message);
        if let Some(Message::Deliver(_, packet) | Message::Flood(_, _, packet)) = back {
            self.yard.pool.recycle(packet);
        }
    }

    fn flood(&mut self, id: NetworkId, from: Place, ports: Ports, packet: Packet) {
        self.flood_local(id, from, ports, &packet);
        for shard in self.peers.others() {
            if self.networks[&id].remote.contains_key(&shard) {
                let copy = self.yard.pool.copy(&packet);
                self.send_across(shard, Message::Flood(id, ports, copy));
            }
        }
        if from != Place::Uplink && self.networks[&id].uplink.is_some() {
            self.send_up(id, from, packet);
        } else {
            self.yard.pool.recycle(packet);
        }
    }

    fn flood_local(&mut self, id: NetworkId, from: Place, ports: Ports, packet: &Packet) {
        let Some(network) = self.networks.get(&id) else { return };
        for &slot in &network.ports {
            let port = &self.yard.ports[slot as usize];
            let here = Place::Port(PortId { shard: self.shard, slot, generation: port.generation });
            if here != from && (ports == Ports::All || port.pins.is_none()) {
                let copy = self.yard.pool.copy(packet);
                self.yard.enqueue(slot, copy);
            }
        }
    }

    /// Takes what came in from a tap or from other shards, if `event` is of this fabric.
    pub fn take(&mut self, event: EpollEvent, now: Instant) {
        match event.data() {
            BELL => self.take_messages(now),
            data if data & OURS != 0 => {
                let id = u32::try_from(data & !OURS).expect("as it was made in `open`");
                self.take_uplink(NetworkId(id), now);
            }
            _ => return,
        }
        if now.saturating_duration_since(self.expired) > EXPIRY {
            self.expired = now;
            self.networks.values_mut().for_each(|network| network.table.expire(now));
        }
    }

    /// How many frames the host took since this was last asked.
    pub fn take_sent_up(&mut self) -> u32 {
        std::mem::take(&mut self.sent_up)
    }

    /// A wait for news is over: what [`Fabric::take`] gets until the next call was there at once.
    pub fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Takes what has come in, for who polls nothing else and does not wait.
    pub fn turn(&mut self, now: Instant) {
        self.begin_round();
        let mut events = [EpollEvent::empty(); 32];
        let ready = self.poll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        events[..ready].iter().for_each(|&event| self.take(event, now));
    }

    fn take_uplink(&mut self, id: NetworkId, now: Instant) {
        let Some(network) = self.networks.get_mut(&id) else { return };
        let Some(uplink) = &mut network.uplink else { return };
        let mut received = std::mem::take(&mut self.received);
        let look = Look { now, round: self.round };
        uplink.receive(&mut self.yard.pool, &mut received, look);
        for packet in received.drain(..) {
            if self.uplink_may(id, packet.frame(), now) {
                self.forward(id, Place::Uplink, true, packet, now);
            } else {
                self.yard.pool.recycle(packet);
            }
        }
        self.received = received;
    }

    /// Bounds what the host's network can make every guest hear.
    fn uplink_may(&mut self, id: NetworkId, bytes: &[u8], now: Instant) -> bool {
        let Some(network) = self.networks.get_mut(&id) else { return false };
        bytes[0] & 1 == 0 || network.groups.take(1, now)
    }

    fn take_messages(&mut self, now: Instant) {
        self.peers.silence();
        self.peers.retry();
        for _ in 0..MAX_MESSAGES {
            let Some(message) = self.peers.receive() else { return };
            self.take_message(message, now);
        }
        self.peers.ring_self();
    }

    fn take_message(&mut self, message: Message, now: Instant) {
        match message {
            Message::Deliver(port, packet) => self.send_to(port, packet),
            Message::Flood(id, ports, packet) => {
                // Where it came from is no port of this shard.
                self.flood_local(id, Place::Uplink, ports, &packet);
                self.yard.pool.recycle(packet);
            }
            Message::PortUp(id, port, pinned) => self.port_up(id, port, pinned, now),
            Message::PortDown(id, port) => {
                let Some(network) = self.networks.get_mut(&id) else { return };
                network.table.remove(port);
                let count = network.remote.entry(port.shard).or_default();
                *count = count.saturating_sub(1);
                network.remote.retain(|_, count| *count > 0);
            }
            Message::Learned(id, mac, place) => {
                if let Some(network) = self.networks.get_mut(&id) {
                    network.table.learn(mac, place, now);
                }
            }
        }
    }

    fn port_up(
        &mut self,
        id: NetworkId,
        port: PortId,
        pinned: Option<(macaddr::MacAddr6, Vec<std::net::Ipv4Addr>)>,
        now: Instant,
    ) {
        let network = self.networks.entry(id).or_insert_with(|| Network::new(now));
        *network.remote.entry(port.shard).or_default() += 1;
        if let Some((mac, addresses)) = pinned
            && let Err(e) = network.table.pin(mac, &addresses, port, now)
        {
            tracing::warn!("network {}: {e}", id.0);
        }
    }

    /// The next device that has packets waiting for it. Each is named once until it has
    /// taken all of its packets: who leaves some comes back for them on its own.
    pub fn next_delivery(&mut self) -> Option<DeviceId> {
        let slot = self.yard.ready.pop_front()?;
        Some(self.yard.ports[slot as usize].device)
    }

    /// The next packet for the guest at a port, left where it is.
    pub fn front(&mut self, id: PortId) -> Option<&Packet> {
        self.yard.port(id)?.queue.front()
    }

    /// Takes the next packet for the guest at a port.
    pub fn pop(&mut self, id: PortId) -> Option<Packet> {
        let port = self.yard.port(id)?;
        let packet = port.queue.pop();
        port.announced = !port.queue.is_empty();
        self.yard.queued -= packet.as_ref().map_or(0, Packet::footprint);
        packet
    }

    /// Counts a packet that the guest at a port got.
    pub fn received(&mut self, id: PortId, bytes: usize) {
        if let Some(port) = self.yard.port(id) {
            port.counters.received_packets += 1;
            port.counters.received_bytes += bytes as u64;
        }
    }
}

#[cfg(test)]
#[path = "fabric_tests.rs"]
mod tests;
