//! The way to the host's network: one queue of a tap device, with a header before every
//! frame ([`super::vnet`]).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{read, write};

use super::frame::ETHERNET;
use super::packet::Packet;
use super::pool::{MAX_FRAME, Pool};
use super::vnet;

/// Most frames that are read in a row.
const MOST: usize = 64;
/// Frames that come closer than this may come together.
const TOGETHER: Duration = Duration::from_micros(200);

/// One shard's queue of a tap.
#[derive(Debug)]
pub(super) struct Uplink {
    tap: OwnedFd,
    /// Frames that are probably there when there is one, so that a lone frame does not
    /// cost a second, empty read.
    expected: usize,
    /// When as many as expected were there.
    met: Option<Look>,
}

/// When a shard looks for frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) now: Instant,
    /// Counts the shard's waits.
    pub(super) round: u64,
}

impl Look {
    /// Whether there are probably more frames than were read at `before`: they come fast, or they are
    /// there whenever this shard, busy with its guests, gets to look.
    fn follows(self, before: Look) -> bool {
        self.round.wrapping_sub(before.round) <= 1
            || self.now.saturating_duration_since(before.now) < TOGETHER
    }
}

/// What became of a read.
enum Taken {
    Packet(Packet),
    Unusable,
    Empty,
}

impl Uplink {
    /// Takes over a non-blocking queue with `IFF_VNET_HDR`.
    pub(super) fn new(tap: OwnedFd) -> Uplink {
        Uplink { tap, expected: 1, met: None }
    }

    /// Reads frames into `into`: until there are no more, or as many as were expected.
    pub(super) fn receive(&mut self, pool: &mut Pool, into: &mut Vec<Packet>, look: Look) {
        for n in 0..self.expected {
            match self.read(pool) {
                Taken::Packet(packet) => into.push(packet),
                Taken::Unusable => {}
                Taken::Empty => {
                    self.expected = n.max(1);
                    return;
                }
            }
        }
        let before = self.met.replace(look);
        if before.is_some_and(|before| look.follows(before)) {
            self.expected = (self.expected * 2).min(MOST);
        }
    }

    fn read(&self, pool: &mut Pool) -> Taken {
        let mut packet = pool.packet(MAX_FRAME);
        let len = match read(&self.tap, packet.with_headroom_mut(vnet::LEN)) {
            Ok(len) if len >= vnet::LEN + ETHERNET => len - vnet::LEN,
            Err(Errno::EAGAIN) => {
                pool.recycle(packet);
                return Taken::Empty;
            }
            // A broken frame, or the device is down.
            Ok(_) | Err(_) => {
                pool.recycle(packet);
                return Taken::Unusable;
            }
        };
        packet.truncate(len);
        let header = packet.with_headroom(vnet::LEN).first_chunk().copied().expect("10 bytes");
        match vnet::decode(header) {
            Ok(offload) => packet.offload = offload,
            Err(_) => {
                pool.recycle(packet);
                return Taken::Unusable;
            }
        }
        Taken::Packet(packet)
    }

    /// Hands the host a frame; false when it did not take it.
    pub(super) fn send(&self, packet: &mut Packet) -> bool {
        vnet::seal(packet).is_ok_and(|bytes| write(&self.tap, bytes).is_ok())
    }
}

impl AsFd for Uplink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tap.as_fd()
    }
}
