//! A guest's devices: from its configuration, or from what was written down, to what
//! its shard serves.

use std::sync::Arc;
use std::time::Duration;

use lightvm::config::{Disk as DiskConfig, GuestConfig};

use super::GuestError;
use super::record::{DeviceKind, DeviceRecord};
use crate::block::disk::DiskSpec;
use crate::block::{BlockOptions, Disk};
use crate::shard::DeviceSpec;

/// The place of the console in every guest's device table.
pub(super) const CONSOLE: u8 = 0;

/// How long a disk may still be locked by the last I/O of a daemon that was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The devices that `config` describes beside the console, in the places they get:
/// network interfaces first, then disks.
///
/// # Errors
/// [`GuestError`]; nothing is attached to any network then.
pub(super) fn plan(config: &GuestConfig) -> Vec<DeviceRecord> {
    let disks = config.disks().iter().cloned().map(DeviceKind::Disk);
    let mut index = 0u8..;
    disks
        .zip(CONSOLE + 1..)
        .filter_map(|(kind, slot)| Some(DeviceRecord { slot, index: index.next()?, kind }))
        .collect()
}

/// Opens what devices need, each by its place. Blocks on files.
///
/// # Errors
/// [`GuestError::Disk`].
pub(super) fn open_all(devices: &[DeviceRecord]) -> Result<Vec<(u8, DeviceSpec)>, GuestError> {
    devices.iter().map(|device| Ok((device.slot, open(device)?))).collect()
}

/// Opens what a device needs. Blocks on files.
///
/// # Errors
/// [`GuestError::Disk`].
pub(super) fn open(device: &DeviceRecord) -> Result<DeviceSpec, GuestError> {
    Ok(match &device.kind {
        DeviceKind::Nic { config, .. } => DeviceSpec::Net(config.clone()),
        DeviceKind::Disk(disk) => {
            let disk = Arc::new(Disk::open(&spec(disk), PATIENCE)?);
            DeviceSpec::Block { disk, options: BlockOptions::default() }
        }
    })
}

fn spec(disk: &DiskConfig) -> DiskSpec {
    DiskSpec { path: disk.path.clone(), writable: disk.writable, direct: disk.direct_io }
}
