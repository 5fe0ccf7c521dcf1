//! Memory for packets: reused, so that no packet costs an allocation.

use super::packet::{Offload, Packet};

/// Bytes of a page, of this host and of what guests grant.
pub const PAGE: usize = 4096;
/// Room before a frame, for the header the tap wants in front of it.
pub const HEADROOM: usize = 64;
/// Longest frame: an IP packet of 65,535 bytes behind an Ethernet header with a VLAN tag.
pub const MAX_FRAME: usize = 65_535 + 18;

const SMALL_PAGES: usize = 1;
const LARGE_PAGES: usize = (HEADROOM + MAX_FRAME).div_ceil(PAGE);
/// Longest frame that a small buffer takes.
const SMALL_FRAME: usize = SMALL_PAGES * PAGE - HEADROOM;

#[derive(Clone)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);

/// Whole pages, aligned to pages: a copy to or from a grant is split where one ends.
pub struct Buffer(Box<[Page]>);

impl Buffer {
    fn new(pages: usize) -> Self {
        Buffer(vec![Page([0; PAGE]); pages].into_boxed_slice())
    }

    /// Bytes it holds.
    pub fn len(&self) -> usize {
        self.0.len() * PAGE
    }

    /// Never: a buffer has at least a page.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All its bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `Page` is nothing but its bytes (`repr(C)`, no padding as its size
        // is its alignment), they lie next to each other and are always initialised.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.len()) }
    }

    /// All its bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: as `bytes`; any byte is a valid byte of a `Page`.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }
}

/// Buffers of one shard that nobody uses at the moment. The one given back last is
/// handed out first, while the processor still knows it.
pub struct Pool {
    small: Vec<Buffer>,
    large: Vec<Buffer>,
    keep_small: usize,
    keep_large: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Pool::new(512, 64)
    }
}

impl Pool {
    /// A pool that keeps at most so many unused buffers of 4 KiB and of 68 KiB.
    pub fn new(keep_small: usize, keep_large: usize) -> Self {
        Pool { small: Vec::new(), large: Vec::new(), keep_small, keep_large }
    }

    /// A packet for a frame of `len` bytes, whose content is whatever was there before.
    ///
    /// # Panics
    /// When `len` is more than [`MAX_FRAME`].
    pub fn packet(&mut self, len: usize) -> Packet {
        assert!(len <= MAX_FRAME, "a frame of {len} bytes");
        let buffer = if len <= SMALL_FRAME {
            self.small.pop().unwrap_or_else(|| Buffer::new(SMALL_PAGES))
        } else {
            self.large.pop().unwrap_or_else(|| Buffer::new(LARGE_PAGES))
        };
        Packet::new(buffer, len, Offload::default())
    }

    /// A packet with the bytes of `frame`.
    ///
    /// # Panics
    /// As [`Pool::packet`].
    pub fn packet_of(&mut self, frame: &[u8]) -> Packet {
        let mut packet = self.packet(frame.len());
        packet.frame_mut().copy_from_slice(frame);
        packet
    }

    /// A copy of `packet`.
    pub fn copy(&mut self, packet: &Packet) -> Packet {
        let mut copy = self.packet_of(packet.frame());
        copy.offload = packet.offload;
        copy
    }

    /// The same packet in the smallest buffer it fits, for those that have to wait.
    pub fn compact(&mut self, packet: Packet) -> Packet {
        if packet.frame().len() > SMALL_FRAME || packet.footprint() == SMALL_PAGES * PAGE {
            return packet;
        }
        let copy = self.copy(&packet);
        self.recycle(packet);
        copy
    }

    /// Takes a packet's memory back.
    pub fn recycle(&mut self, packet: Packet) {
        let buffer = packet.into_buffer();
        let (unused, keep) = match buffer.len() {
            len if len == SMALL_PAGES * PAGE => (&mut self.small, self.keep_small),
            _ => (&mut self.large, self.keep_large),
        };
        if unused.len() < keep {
            unused.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again() {
        let mut pool = Pool::new(1, 1);
        let first = pool.packet(60);
        let address = first.frame().as_ptr();
        pool.recycle(first);
        assert_eq!(pool.packet(1500).frame().as_ptr(), address);
    }

    #[test]
    fn no_more_is_kept_than_said() {
        let mut pool = Pool::new(1, 0);
        for len in [60, 60, MAX_FRAME] {
            let packets = [pool.packet(len), pool.packet(len)];
            packets.into_iter().for_each(|p| pool.recycle(p));
        }
        assert_eq!((pool.small.len(), pool.large.len()), (1, 0));
    }

    #[test]
    fn the_longest_frame_fits() {
        let mut pool = Pool::default();
        assert_eq!(pool.packet(MAX_FRAME).frame().len(), MAX_FRAME);
        assert_eq!(pool.packet(SMALL_FRAME).footprint(), PAGE);
        assert_eq!(pool.packet(SMALL_FRAME + 1).footprint(), LARGE_PAGES * PAGE);
    }

    #[test]
    fn a_short_packet_moves_to_a_small_buffer() {
        let mut pool = Pool::default();
        let mut packet = pool.packet(MAX_FRAME);
        packet.truncate(100);
        packet.frame_mut().fill(7);
        let packet = pool.compact(packet);
        assert_eq!((packet.footprint(), packet.frame()), (PAGE, &[7u8; 100][..]));
    }
}
