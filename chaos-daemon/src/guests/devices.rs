//! A guest's devices: from its configuration, or from what was written down, to what
//! its shard serves.

use std::sync::Arc;

use lightvm::config::{self, ControlMode, GuestConfig};
use lightvm::registry::Record;
use uuid::Uuid;

use super::GuestError;
use super::record::{DeviceKind, DeviceRecord, GuestRecord};
use crate::block::{BlockOptions, Disk, DiskRate, Offer};
use crate::console::Sink;
use crate::facade::{self, BlockDevice, NetDevice};
use crate::network::Networks;
use crate::shard::{DeviceSpec, Plug};

/// The place of the console in every guest's device table.
pub(super) const CONSOLE: u8 = 0;

/// Ring frames of a network interface: to send and to receive.
const NIC_FRAMES: usize = 2;
/// Ring frames of a disk.
const DISK_FRAMES: usize = 1;

/// What an interface's MTU is when nothing else is said.
const USUAL_MTU: u16 = 1500;

/// The devices that `config` describes beside the console, in the places they get:
/// network interfaces first, attached to their networks, then disks.
///
/// # Errors
/// [`GuestError::Network`]; nothing is attached to any network then.
pub(super) async fn plan(
    networks: &Networks,
    uuid: Uuid,
    config: &GuestConfig,
) -> Result<Vec<DeviceRecord>, GuestError> {
    let mut devices = Vec::new();
    for (slot, (index, nic)) in (CONSOLE + 1..).zip((0u8..).zip(config.nics())) {
        match networks.plug(uuid, index, nic).await {
            Ok(made) => {
                let kind = DeviceKind::Nic { nic: Box::new(nic.clone()), config: Box::new(made) };
                devices.push(DeviceRecord { slot, index, kind });
            }
            Err(e) => {
                unplug_all(networks, uuid, &devices).await;
                return Err(e.into());
            }
        }
    }
    let first = CONSOLE + 1 + u8::try_from(devices.len()).unwrap_or(u8::MAX - 1);
    let disks = config.disks().iter().cloned().map(DeviceKind::Disk);
    let places = (first..).zip(0u8..);
    devices.extend(places.zip(disks).map(|((slot, index), kind)| DeviceRecord {
        slot,
        index,
        kind,
    }));
    Ok(devices)
}

/// Attaches a guest's interfaces again after a restart of the daemon.
///
/// # Errors
/// [`GuestError::Network`].
pub(super) async fn replug_all(
    networks: &Networks,
    record: &GuestRecord,
) -> Result<(), GuestError> {
    for device in &record.devices {
        if let DeviceKind::Nic { config, .. } = &device.kind {
            networks.replug(record.uuid, device.index, config).await?;
        }
    }
    Ok(())
}

/// Takes a guest's interfaces off their networks.
pub(super) async fn unplug_all(networks: &Networks, uuid: Uuid, devices: &[DeviceRecord]) {
    for device in devices {
        if let DeviceKind::Nic { .. } = device.kind {
            networks.unplug(uuid, device.index).await;
        }
    }
}

/// Opens what devices need, each by its place, disks with `open_disk`. Blocks on files.
///
/// # Errors
/// [`GuestError::Disk`].
pub(super) fn open_all(
    devices: &[DeviceRecord],
    open_disk: impl Fn(&config::Disk) -> Result<Arc<Disk>, GuestError>,
) -> Result<Vec<(u8, DeviceSpec)>, GuestError> {
    devices.iter().map(|device| Ok((device.slot, open(device, &open_disk)?))).collect()
}

/// Opens what a device needs, a disk with `open_disk`. Blocks on files.
///
/// # Errors
/// [`GuestError::Disk`].
pub(super) fn open(
    device: &DeviceRecord,
    open_disk: impl Fn(&config::Disk) -> Result<Arc<Disk>, GuestError>,
) -> Result<DeviceSpec, GuestError> {
    Ok(match &device.kind {
        DeviceKind::Nic { config, .. } => DeviceSpec::Net(config.clone()),
        // No guest that a shard serves has one.
        DeviceKind::KernelNic(_) => return Err(GuestError::Broken),
        DeviceKind::Disk(disk) => {
            let rate = disk.rate.map(DiskRate::from).unwrap_or_default();
            let disk = open_disk(disk)?;
            DeviceSpec::Block { disk, options: BlockOptions { rate, ..BlockOptions::default() } }
        }
    })
}

/// What a shard is told of the guest's devices, the console first.
pub(super) fn plugs(
    life: &Record,
    record: &GuestRecord,
    sink: Sink,
    specs: Vec<(u8, DeviceSpec)>,
) -> Vec<Plug> {
    let console = life.channel.as_ref().map_or(life.console, |channel| channel.console);
    let console = Plug {
        slot: CONSOLE,
        index: 0,
        spec: DeviceSpec::Console(sink),
        // Right behind the page.
        first_frame: life.channel.as_ref().map_or(0, |channel| channel.guest_frame + 1),
        rings: vec![console.frame],
        offer: None,
    };
    let control = record.control;
    let devices = record.devices.iter().zip(specs);
    let others = devices.map(|(device, (_, spec))| plug(life, control, device, spec));
    std::iter::once(console).chain(others).collect()
}

/// What a shard is told of one device.
pub(super) fn plug(
    life: &Record,
    control: ControlMode,
    device: &DeviceRecord,
    spec: DeviceSpec,
) -> Plug {
    let rings = life.channel.as_ref().map_or(&[][..], |channel| &channel.rings);
    let pages = rings.get(usize::from(device.slot - 1));
    let frames = match device.kind {
        DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => NIC_FRAMES,
        DeviceKind::Disk(_) => DISK_FRAMES,
    };
    let offer = (control == ControlMode::Facade).then(|| offer(device, &spec)).flatten();
    Plug {
        offer,
        slot: device.slot,
        index: device.index,
        spec,
        first_frame: pages.map_or(0, |pages| pages.guest_first),
        rings: pages.map_or_else(Vec::new, |p| p.host.iter().copied().take(frames).collect()),
    }
}

/// What a facade shows the guest of a device.
fn offer(device: &DeviceRecord, spec: &DeviceSpec) -> Option<facade::Device> {
    match (&device.kind, spec) {
        (DeviceKind::Nic { config, .. }, _) => Some(facade::Device::Net(NetDevice {
            index: device.index.into(),
            mac: config.mac.into_array(),
            mtu: Some(config.mtu).filter(|&mtu| mtu != USUAL_MTU),
            scatter: true,
            segmentation: true,
        })),
        (DeviceKind::Disk(config), DeviceSpec::Block { disk, .. }) => {
            Some(facade::Device::Block(BlockDevice {
                number: config.device().number(),
                name: config.device().to_string(),
                writable: config.writable,
                removable: config.removable,
                offer: entries(disk),
            }))
        }
        _ => None,
    }
}

/// What the back end says of a disk.
fn entries(disk: &Disk) -> Vec<(String, String)> {
    let entries = Offer::of(disk).entries().into_iter();
    entries.map(|(key, value)| (key.to_owned(), value)).collect()
}
