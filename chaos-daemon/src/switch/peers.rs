//! Links between shards: a bounded channel from each to each, and a bell.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use macaddr::MacAddr6;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::NetworkId;
use super::forward::Ports;
use super::packet::Packet;
use super::table::{Place, PortId};

/// Messages that may wait between two shards.
const CAPACITY: usize = 1024;

/// What shards tell each other.
pub(super) enum Message {
    /// A packet for a port of the receiver's.
    Deliver(PortId, Packet),
    /// A packet for many ports of the receiver's.
    Flood(NetworkId, Ports, Packet),
    /// A port was made; its pinned addresses, if it has any.
    PortUp(NetworkId, PortId, Option<(MacAddr6, Vec<Ipv4Addr>)>),
    /// A port is gone.
    PortDown(NetworkId, PortId),
    /// A frame from an address came from there.
    Learned(NetworkId, MacAddr6, Place),
}

impl Message {
    /// Packets may be lost; tables may not.
    fn is_packet(&self) -> bool {
        matches!(self, Message::Deliver(..) | Message::Flood(..))
    }
}

/// Wakes a shard; several rings before it looks cost one write.
#[derive(Debug)]
struct Bell {
    event: EventFd,
    rung: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // It cannot be full: it is written once between two reads.
            let _ = self.event.write(1);
        }
    }

    /// To be called before the channels are looked at: what is sent later rings again.
    fn silence(&self) {
        let _ = self.event.read();
        self.rung.store(false, Ordering::Release);
    }
}

/// One shard's links to the others, before its thread runs.
pub struct Seed {
    pub(super) shard: u16,
    bell: Arc<Bell>,
    inbox: Receiver<Message>,
    others: Vec<(u16, Sender<Message>, Arc<Bell>)>,
}

/// Links between `shards` shards, one seed for each.
///
/// # Errors
/// When the system has no file descriptor left.
///
/// # Panics
/// For more than 65,535 shards.
pub fn seeds(shards: usize) -> io::Result<Vec<Seed>> {
    let numbers = 0..u16::try_from(shards).expect("fewer shards");
    let mut ends = Vec::new();
    for _ in numbers.clone() {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_flags(flags)?;
        let bell = Arc::new(Bell { event, rung: AtomicBool::new(false) });
        ends.push((bounded(CAPACITY), bell));
    }
    let seed = |shard: u16| {
        let ((_, inbox), bell) = &ends[usize::from(shard)];
        let others = numbers.clone().filter(|&n| n != shard).map(|n| {
            let ((sender, _), bell) = &ends[usize::from(n)];
            (n, sender.clone(), Arc::clone(bell))
        });
        Seed { shard, bell: Arc::clone(bell), inbox: inbox.clone(), others: others.collect() }
    };
    Ok(numbers.clone().map(seed).collect())
}

struct Peer {
    shard: u16,
    sender: Sender<Message>,
    bell: Arc<Bell>,
    /// Changes of tables that found the channel full; bounded by what the host changes.
    late: VecDeque<Message>,
}

impl Peer {
    /// Gives back what there was no room for.
    fn send(&mut self, message: Message) -> Option<Message> {
        self.retry();
        if !self.late.is_empty() && !message.is_packet() {
            self.late.push_back(message);
            return None;
        }
        match self.sender.try_send(message) {
            Ok(()) => self.bell.ring(),
            Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(message)) if message.is_packet() => return Some(message),
            Err(TrySendError::Full(message)) => self.late.push_back(message),
        }
        None
    }

    fn retry(&mut self) {
        while let Some(message) = self.late.pop_front() {
            if let Err(TrySendError::Full(message)) = self.sender.try_send(message) {
                self.late.push_front(message);
                return;
            }
            self.bell.ring();
        }
    }
}

/// One shard's links to the others.
pub(super) struct Peers {
    bell: Arc<Bell>,
    inbox: Receiver<Message>,
    others: Vec<Peer>,
}

impl Peers {
    pub(super) fn new(seed: Seed) -> Peers {
        let others = seed.others.into_iter().map(|(shard, sender, bell)| Peer {
            shard,
            sender,
            bell,
            late: VecDeque::new(),
        });
        Peers { bell: seed.bell, inbox: seed.inbox, others: others.collect() }
    }

    /// Sends to one shard; a packet that there is no room for comes back.
    pub(super) fn send(&mut self, shard: u16, message: Message) -> Option<Message> {
        let peer = self.others.iter_mut().find(|peer| peer.shard == shard);
        peer.and_then(|peer| peer.send(message))
    }

    /// The numbers of the other shards.
    pub(super) fn others(&self) -> impl Iterator<Item = u16> + use<> {
        let numbers: Vec<u16> = self.others.iter().map(|peer| peer.shard).collect();
        numbers.into_iter()
    }

    /// Whether there are other shards.
    pub(super) fn is_alone(&self) -> bool {
        self.others.is_empty()
    }

    /// To be called when the bell is readable, before [`Peers::receive`].
    pub(super) fn silence(&self) {
        self.bell.silence();
    }

    /// Makes the bell readable again, for what is left.
    pub(super) fn ring_self(&self) {
        self.bell.ring();
    }

    /// The next message from another shard.
    pub(super) fn receive(&self) -> Option<Message> {
        self.inbox.try_recv().ok()
    }

    /// Sends what found no room before.
    pub(super) fn retry(&mut self) {
        self.others.iter_mut().for_each(Peer::retry);
    }
}

impl AsFd for Peers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.event.as_fd()
    }
}
