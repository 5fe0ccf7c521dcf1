//! Slots of the device table.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::bytes::{get, put, u16, u32, u64};
use crate::control::Prefixed;
use crate::layout::{
    SLOT_BACKEND, SLOT_CONFIG, SLOT_FIRST_FRAME, SLOT_FRAMES, SLOT_HOST_FEATURES, SLOT_INDEX,
    SLOT_KIND, SLOT_MTU, SLOT_SIZE, SLOT_STATE, SLOTS, TABLE,
};

/// Net, both ways: checksums may be left blank.
pub const NET_CSUM: u16 = 1 << 0;
/// Net, both ways: TCP over IPv4 may come in packets larger than the MTU.
pub const NET_GSO_TCPV4: u16 = 1 << 1;
/// Net, both ways: TCP over IPv6 may come in packets larger than the MTU.
pub const NET_GSO_TCPV6: u16 = 1 << 2;
/// Net, both ways: a packet may have several parts.
pub const NET_SG: u16 = 1 << 3;

/// All kinds, both ways: what the guest grants for a device's data stays granted, with the same
/// rights and to the same pages, for as long as the guest uses the device, so that the host may keep
/// it mapped.
pub const GRANTS_STAY: u16 = 1 << 14;

/// A place in the device table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// The console's place, always.
    pub const CONSOLE: Slot = Slot(0);

    /// The place of a number below [`SLOTS`].
    #[must_use]
    pub fn new(number: u8) -> Option<Slot> {
        (usize::from(number) < SLOTS).then_some(Slot(number))
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0_u8..).take(SLOTS).map(Slot)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its bit in a doorbell.
    #[must_use]
    pub fn bit(self) -> u32 {
        1 << self.0
    }

    pub(crate) fn offset(self) -> usize {
        TABLE + usize::from(self.0) * SLOT_SIZE
    }
}

/// Whether a device can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// There is none yet; its ring frames are reserved.
    Absent = 0,
    /// It is served.
    Present = 1,
    /// The guest has to leave it.
    Removing = 2,
}

/// What a net device is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetConfig {
    /// The guest's address on the link.
    pub mac: [u8; 6],
    /// Largest payload of a packet, in bytes.
    pub mtu: u16,
    /// The guest's IPv4 address.
    pub ipv4: Option<Prefixed<Ipv4Addr>>,
    /// Its IPv4 gateway.
    pub gateway4: Option<Ipv4Addr>,
    /// The guest's IPv6 address.
    pub ipv6: Option<Prefixed<Ipv6Addr>>,
    /// Its IPv6 gateway.
    pub gateway6: Option<Ipv6Addr>,
}

/// Block: the disk cannot be written.
pub const BLOCK_READ_ONLY: u32 = 1 << 0;
/// Block: the back end knows flushes.
pub const BLOCK_FLUSH: u32 = 1 << 1;
/// Block: the back end knows discards.
pub const BLOCK_DISCARD: u32 = 1 << 2;

/// What a block device is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockConfig {
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Bytes that requests are multiples of.
    pub sector_size: u32,
    /// Bytes the disk writes at once.
    pub physical_sector_size: u32,
    /// `BLOCK_…`.
    pub info: u32,
    /// Parts that an indirect request may have; 0: no indirect requests.
    pub max_indirect_segments: u32,
    /// Free text; zeroes fill it.
    pub serial: [u8; 20],
}

/// What kind of device it is, with what that kind has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Config {
    /// A console: one frame, `public/io/console.h`.
    Console,
    /// A network device: transmit ring, receive ring, `public/io/netif.h`.
    Net(NetConfig),
    /// A disk: one ring of all its frames, `public/io/blkif.h` in the x86-64 layout.
    Block(BlockConfig),
    /// A kind that this version does not know.
    Unknown(u8),
}

impl Config {
    const CONSOLE: u8 = 1;
    const NET: u8 = 2;
    const BLOCK: u8 = 3;

    /// The kind's number in the slot.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match *self {
            Config::Console => Config::CONSOLE,
            Config::Net(_) => Config::NET,
            Config::Block(_) => Config::BLOCK,
            Config::Unknown(kind) => kind,
        }
    }
}

/// What the host says about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Whether it can be used.
    pub state: State,
    /// Which of its kind it is, from 0.
    pub index: u8,
    /// Domain of the back end; 0 is dom0.
    pub backend: u16,
    /// Guest frame number of its first ring frame: gfn of PVH, pfn of PV guests.
    pub first_frame: u32,
    /// Ring frames, next to each other.
    pub frames: u8,
    /// What the host offers, `NET_…` and [`GRANTS_STAY`].
    pub features: u16,
    /// Its kind and the rest.
    pub config: Config,
}

impl Device {
    /// The slot's bytes; those of the guest are 0.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SLOT_SIZE] {
        let mut slot = [0; SLOT_SIZE];
        slot[SLOT_KIND] = self.config.kind();
        slot[SLOT_STATE] = self.state as u8;
        slot[SLOT_INDEX] = self.index;
        slot[SLOT_FRAMES] = self.frames;
        put(&mut slot, SLOT_BACKEND, &self.backend.to_le_bytes());
        put(&mut slot, SLOT_FIRST_FRAME, &self.first_frame.to_le_bytes());
        put(&mut slot, SLOT_HOST_FEATURES, &self.features.to_le_bytes());
        match &self.config {
            Config::Net(net) => put_net(net, &mut slot),
            Config::Block(block) => put_block(block, &mut slot),
            Config::Console | Config::Unknown(_) => {}
        }
        slot
    }

    /// Reads a slot; `None` when it is empty.
    #[must_use]
    pub fn from_bytes(slot: &[u8; SLOT_SIZE]) -> Option<Device> {
        let config = match slot[SLOT_KIND] {
            0 => return None,
            Config::CONSOLE => Config::Console,
            Config::NET => Config::Net(get_net(slot)),
            Config::BLOCK => Config::Block(get_block(slot)),
            kind => Config::Unknown(kind),
        };
        let state = match slot[SLOT_STATE] {
            1 => State::Present,
            2 => State::Removing,
            _ => State::Absent,
        };
        Some(Device {
            state,
            index: slot[SLOT_INDEX],
            backend: u16(slot, SLOT_BACKEND),
            first_frame: u32(slot, SLOT_FIRST_FRAME),
            frames: slot[SLOT_FRAMES],
            features: u16(slot, SLOT_HOST_FEATURES),
            config,
        })
    }
}

const MAC: usize = SLOT_CONFIG;
const PREFIX4: usize = SLOT_CONFIG + 6;
const PREFIX6: usize = SLOT_CONFIG + 7;
const IPV4: usize = SLOT_CONFIG + 8;
const GATEWAY4: usize = SLOT_CONFIG + 12;
const IPV6: usize = SLOT_CONFIG + 16;
const GATEWAY6: usize = SLOT_CONFIG + 32;

fn put_net(net: &NetConfig, slot: &mut [u8]) {
    put(slot, SLOT_MTU, &net.mtu.to_le_bytes());
    put(slot, MAC, &net.mac);
    if let Some(a) = net.ipv4 {
        slot[PREFIX4] = a.prefix;
        put(slot, IPV4, &a.address.octets());
    }
    if let Some(a) = net.ipv6 {
        slot[PREFIX6] = a.prefix;
        put(slot, IPV6, &a.address.octets());
    }
    put(slot, GATEWAY4, &net.gateway4.map_or([0; 4], |a| a.octets()));
    put(slot, GATEWAY6, &net.gateway6.map_or([0; 16], |a| a.octets()));
}

fn get_net(slot: &[u8]) -> NetConfig {
    let v4 = |at| Some(Ipv4Addr::from(get::<4>(slot, at))).filter(|a| !a.is_unspecified());
    let v6 = |at| Some(Ipv6Addr::from(get::<16>(slot, at))).filter(|a| !a.is_unspecified());
    NetConfig {
        mac: get(slot, MAC),
        mtu: u16(slot, SLOT_MTU),
        ipv4: v4(IPV4).map(|address| Prefixed { address, prefix: slot[PREFIX4] }),
        gateway4: v4(GATEWAY4),
        ipv6: v6(IPV6).map(|address| Prefixed { address, prefix: slot[PREFIX6] }),
        gateway6: v6(GATEWAY6),
    }
}

const SECTORS: usize = SLOT_CONFIG;
const SECTOR_SIZE: usize = SLOT_CONFIG + 8;
const PHYSICAL: usize = SLOT_CONFIG + 12;
const INFO: usize = SLOT_CONFIG + 16;
const INDIRECT: usize = SLOT_CONFIG + 20;
const SERIAL: usize = SLOT_CONFIG + 24;

fn put_block(block: &BlockConfig, slot: &mut [u8]) {
    put(slot, SECTORS, &block.sectors.to_le_bytes());
    put(slot, SECTOR_SIZE, &block.sector_size.to_le_bytes());
    put(slot, PHYSICAL, &block.physical_sector_size.to_le_bytes());
    put(slot, INFO, &block.info.to_le_bytes());
    put(slot, INDIRECT, &block.max_indirect_segments.to_le_bytes());
    put(slot, SERIAL, &block.serial);
}

fn get_block(slot: &[u8]) -> BlockConfig {
    BlockConfig {
        sectors: u64(slot, SECTORS),
        sector_size: u32(slot, SECTOR_SIZE),
        physical_sector_size: u32(slot, PHYSICAL),
        info: u32(slot, INFO),
        max_indirect_segments: u32(slot, INDIRECT),
        serial: get(slot, SERIAL),
    }
}
