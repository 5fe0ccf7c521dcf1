//! A frame on its way through the switch, and what is still to be done to it.

use super::pool::{Buffer, HEADROOM};

/// What a packet's transport checksum is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// In the packet, seen by nobody.
    #[default]
    Present,
    /// In the packet, or never needed: the packet did not leave this host.
    Verified,
    /// Still to be computed from `start` to the end of the packet, and to be put at
    /// `start + field`, where the sum of the pseudo header stands now. Offsets in bytes.
    Blank {
        /// First byte of the TCP or UDP header, from the start of the frame.
        start: u16,
        /// Place of the checksum in that header.
        field: u16,
    },
}

/// The kinds of packets that may be longer than the link allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsoKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
}

/// A packet that stands for many: to be cut before it reaches a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gso {
    /// Which headers each part gets.
    pub kind: GsoKind,
    /// Most bytes of TCP payload in a part.
    pub size: u16,
}

/// Work that the sender left to whoever is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// The transport checksum.
    pub checksum: Checksum,
    /// Whether the packet is to be cut.
    pub gso: Option<Gso>,
}

/// What a receiver can do itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Takes packets with a blank checksum.
    pub checksum: bool,
    /// Takes long TCP packets over IPv4.
    pub gso_v4: bool,
    /// Takes long TCP packets over IPv6.
    pub gso_v6: bool,
}

impl Abilities {
    /// Everything, as a tap.
    pub const ALL: Abilities = Abilities { checksum: true, gso_v4: true, gso_v6: true };

    /// Whether it takes a packet with this work left to do.
    pub fn take(self, offload: &Offload) -> bool {
        let long = match offload.gso.map(|g| g.kind) {
            None => true,
            Some(GsoKind::Tcp4) => self.gso_v4,
            Some(GsoKind::Tcp6) => self.gso_v6,
        };
        long && (self.checksum || !matches!(offload.checksum, Checksum::Blank { .. }))
    }
}

/// A frame in a buffer of the pool.
pub struct Packet {
    buffer: Buffer,
    len: usize,
    /// What is left to do.
    pub offload: Offload,
}

impl Packet {
    pub(super) fn new(buffer: Buffer, len: usize, offload: Offload) -> Self {
        debug_assert!(HEADROOM + len <= buffer.len());
        Packet { buffer, len, offload }
    }

    /// The frame from its destination address on, without a check sequence.
    pub fn frame(&self) -> &[u8] {
        &self.buffer.bytes()[HEADROOM..HEADROOM + self.len]
    }

    /// The frame, to be written.
    pub fn frame_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.buffer.bytes_mut()[HEADROOM..HEADROOM + len]
    }

    /// The frame with `room` bytes of headroom before it.
    ///
    /// # Panics
    /// When `room` is more than [`HEADROOM`].
    pub fn with_headroom(&self, room: usize) -> &[u8] {
        &self.buffer.bytes()[HEADROOM - room..HEADROOM + self.len]
    }

    /// As [`Packet::with_headroom`], to be written.
    pub fn with_headroom_mut(&mut self, room: usize) -> &mut [u8] {
        let len = self.len;
        &mut self.buffer.bytes_mut()[HEADROOM - room..HEADROOM + len]
    }

    /// Shortens the frame to `len` bytes; longer ones stay as they are.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Bytes of memory the packet occupies.
    pub fn footprint(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn into_buffer(self) -> Buffer {
        self.buffer
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet").field("len", &self.len).field("offload", &self.offload).finish()
    }
}
