//! What stands in the device table about a device.

use noxs::device::{
    BLOCK_DISCARD, BLOCK_FLUSH, BLOCK_READ_ONLY, BlockConfig, Config, Device, State,
};

use crate::block::{Disk, Offer};
use crate::net;
use crate::shard::{DeviceSpec, Plug};

/// The domain that serves every device.
const DOM0: u16 = 0;

/// The entry of a device.
pub(super) fn device(plug: &Plug) -> Device {
    let (config, features) = match &plug.spec {
        DeviceSpec::Console(_) => (Config::Console, 0),
        DeviceSpec::Net(net) => (Config::Net(net.entry()), net::feature::ALL),
        DeviceSpec::Block { disk, .. } => (Config::Block(block(disk)), 0),
    };
    Device {
        state: State::Present,
        index: plug.index,
        backend: DOM0,
        // Rings are built below 16 TiB of the guest's memory.
        first_frame: u32::try_from(plug.first_frame).unwrap_or(0),
        frames: u8::try_from(plug.rings.len()).unwrap_or(0),
        features,
        config,
    }
}

fn block(disk: &Disk) -> BlockConfig {
    let offer = Offer::of(disk);
    let bit = |is: bool, bit: u32| if is { bit } else { 0 };
    BlockConfig {
        sectors: offer.sectors,
        sector_size: offer.sector_size,
        physical_sector_size: offer.physical_sector_size,
        info: bit(offer.read_only, BLOCK_READ_ONLY)
            | bit(offer.discard, BLOCK_DISCARD)
            | BLOCK_FLUSH,
        max_indirect_segments: offer.max_indirect_segments,
        serial: [0; 20],
    }
}
