//! Devices that come and go while a guest runs.

use std::sync::Arc;
use std::time::Duration;

use lightvm::config::{ControlMode, Disk, Nic, Vdev};
use tokio::sync::oneshot;

use super::record::{DeviceKind, DeviceRecord};
use super::{Guest, GuestError, devices, disks, xenstore};
use crate::daemon::{Daemon, blocking};
use crate::shard::{Command, DeviceSpec};

/// How long a guest may take to let go of a device.
const PATIENCE: Duration = Duration::from_secs(10);

/// Places in a device table.
const SLOTS: u8 = 32;

/// Kinds of devices that come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Network interfaces.
    Nic,
    /// Disks.
    Disk,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Nic => "network interface",
            Kind::Disk => "disk",
        }
    }

    fn of(device: &DeviceRecord) -> Kind {
        match device.kind {
            DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => Kind::Nic,
            DeviceKind::Disk(_) => Kind::Disk,
        }
    }
}

/// Gives a guest a disk; answers its number.
///
/// # Errors
/// [`GuestError::NoSlot`], [`GuestError::Disk`].
pub async fn attach_disk(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    disk: Disk,
) -> Result<u8, GuestError> {
    let _turn = guest.turn().await?;
    let disk = named(guest, disk)?;
    let (slot, index) = place(guest, Kind::Disk)?;
    let device = DeviceRecord { slot, index, kind: DeviceKind::Disk(disk) };
    attach(daemon, guest, device).await
}

/// Gives a guest a network interface; answers its number.
///
/// # Errors
/// [`GuestError::NoSlot`] and what its network may say.
pub async fn attach_nic(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    nic: Nic,
) -> Result<u8, GuestError> {
    let _turn = guest.turn().await?;
    let (slot, index) = place(guest, Kind::Nic)?;
    if is_foreign(guest) {
        let kind = xenstore::kernel_nic(guest.uuid, index, &nic)?;
        return attach(daemon, guest, DeviceRecord { slot, index, kind }).await;
    }
    let kind = daemon.plug_nic(guest.uuid, index, nic).await?;
    let attached = attach(daemon, guest, DeviceRecord { slot, index, kind }).await;
    if attached.is_err() {
        daemon.unplug_nic(guest.uuid, index).await;
    }
    attached
}

/// Whether the kernel serves the guest's devices.
fn is_foreign(guest: &Guest) -> bool {
    xenstore::is_foreign(guest.record.lock().control)
}

/// The disk under the name that it is to have, or under the first that is free.
fn named(guest: &Guest, disk: Disk) -> Result<Disk, GuestError> {
    let record = guest.record.lock();
    let taken = |name: &Vdev| {
        record.devices.iter().any(|device| match &device.kind {
            DeviceKind::Disk(disk) => disk.device() == *name,
            DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => false,
        })
    };
    match disk.vdev {
        Some(ref name) if taken(name) => Err(GuestError::HasDevice(name.to_string())),
        Some(_) => Ok(disk),
        None => {
            let free = (0..).map(Vdev::nth).find(|name| !taken(name));
            Ok(Disk { vdev: free, ..disk })
        }
    }
}

/// The place and the number of the next device of a kind.
fn place(guest: &Guest, kind: Kind) -> Result<(u8, u8), GuestError> {
    let record = guest.record.lock();
    let places = match (record.control, &guest.life.record.channel) {
        // Rings that are not there cannot be made while the guest runs.
        (ControlMode::Noxs, Some(channel)) => channel.rings.len() + 1,
        (ControlMode::Facade | ControlMode::XenStore, _) => usize::from(SLOTS),
        _ => 0,
    };
    let of_kind = |device: &&DeviceRecord| Kind::of(device) == kind;
    let taken = |slot: u8| record.devices.iter().any(|device| device.slot == slot);
    let used = |index: u8| record.devices.iter().filter(of_kind).any(|d| d.index == index);
    let slot = (1..SLOTS).find(|&slot| usize::from(slot) < places && !taken(slot));
    let index = (0..SLOTS).find(|&index| !used(index));
    slot.zip(index).ok_or(GuestError::NoSlot)
}

/// Writes a device down and has it served. The caller has the guest's turn.
async fn attach(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    device: DeviceRecord,
) -> Result<u8, GuestError> {
    let index = device.index;
    if is_foreign(guest) {
        return attach_foreign(daemon, guest, device).await.map(|()| index);
    }
    let (opener, opening) = (Arc::clone(daemon), device.clone());
    let open = move || devices::open(&opening, |disk| disks::open(&opener, disk));
    let spec: DeviceSpec = blocking(open).await??;
    let control = guest.record.lock().control;
    let plug = devices::plug(&guest.life.record, control, &device, spec);
    change(daemon, guest, |devices| devices.push(device))?;
    daemon.shards[guest.shard].send(Command::Attach(guest.uuid, Box::new(plug)));
    Ok(index)
}

/// Writes a device down and has the kernel serve it. The caller has the guest's turn.
async fn attach_foreign(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    device: DeviceRecord,
) -> Result<(), GuestError> {
    let (slot, life) = (device.slot, guest.life.record.clone());
    change(daemon, guest, |devices| devices.push(device.clone()))?;
    let attached = blocking(move || xenstore::attach(&life, &device)).await?;
    if attached.is_err() {
        change(daemon, guest, |devices| devices.retain(|device| device.slot != slot))?;
    }
    attached.map_err(|e| disks::name_holder(daemon, e))
}

/// Takes a device away: the guest is asked to let go of it, unless it is taken by
/// `force`.
///
/// # Errors
/// [`GuestError::NoDevice`], [`GuestError::Timeout`] when the guest did not let go.
pub async fn detach(
    daemon: &Arc<Daemon>,
    guest: &Arc<Guest>,
    kind: Kind,
    index: u8,
    force: bool,
) -> Result<(), GuestError> {
    let _turn = guest.turn().await?;
    let is = |device: &DeviceRecord| Kind::of(device) == kind && device.index == index;
    let device = guest.record.lock().devices.iter().find(|d| is(d)).cloned();
    let device = device.ok_or(GuestError::NoDevice { kind: kind.name(), index })?;
    let slot = device.slot;
    if is_foreign(guest) {
        let life = guest.life.record.clone();
        blocking(move || xenstore::detach(&life, &device, force)).await??;
        return change(daemon, guest, |devices| devices.retain(|device| device.slot != slot));
    }
    if !force {
        daemon.shards[guest.shard].send(Command::Detach(guest.uuid, slot));
        let mut status = guest.status.clone();
        let left = status.wait_for(|status| status.connected & (1 << slot) == 0);
        let left = tokio::time::timeout(PATIENCE, left).await;
        left.map_err(|_| GuestError::Holds { kind: kind.name(), index })?.ok();
    }
    let (answer, removed) = oneshot::channel();
    daemon.shards[guest.shard].send(Command::Remove(guest.uuid, slot, answer));
    let _ = removed.await;
    change(daemon, guest, |devices| devices.retain(|device| device.slot != slot))?;
    if kind == Kind::Nic {
        daemon.unplug_nic(guest.uuid, index).await;
    }
    Ok(())
}

/// Changes the record of a guest's devices, first on disk.
fn change(
    daemon: &Daemon,
    guest: &Guest,
    change: impl FnOnce(&mut Vec<DeviceRecord>),
) -> Result<(), GuestError> {
    let mut record = guest.record.lock();
    let mut new = record.clone();
    change(&mut new.devices);
    daemon.records.write(&new).map_err(GuestError::Record)?;
    *record = new;
    Ok(())
}

impl Daemon {
    /// Plugs an interface into its network.
    async fn plug_nic(
        &self,
        guest: uuid::Uuid,
        index: u8,
        nic: Nic,
    ) -> Result<DeviceKind, GuestError> {
        let config = self.networks.plug(guest, index, &nic).await?;
        Ok(DeviceKind::Nic { nic: Box::new(nic), config: Box::new(config) })
    }

    /// Takes an interface from its network.
    async fn unplug_nic(&self, guest: uuid::Uuid, index: u8) {
        self.networks.unplug(guest, index).await;
    }
}
