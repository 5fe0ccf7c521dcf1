//! Devices that come and go while a guest runs.

use std::sync::Arc;
use std::time::Duration;

use lightvm::config::{ControlMode, Disk, Nic};
use tokio::sync::oneshot;

use super::record::{DeviceKind, DeviceRecord};
use super::{Guest, GuestError, devices};
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
            DeviceKind::Nic { .. } => Kind::Nic,
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
    let kind = daemon.plug_nic(guest.uuid, index, nic).await?;
    let attached = attach(daemon, guest, DeviceRecord { slot, index, kind }).await;
    if attached.is_err() {
        daemon.unplug_nic(guest.uuid, index).await;
    }
    attached
}

/// The place and the number of the next device of a kind.
fn place(guest: &Guest, kind: Kind) -> Result<(u8, u8), GuestError> {
    let record = guest.record.lock();
    let places = match (record.control, &guest.life.record.channel) {
        // Rings that are not there cannot be made while the guest runs.
        (ControlMode::Noxs, Some(channel)) => channel.rings.len() + 1,
        (ControlMode::Facade, _) => usize::from(SLOTS),
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
    let opening = device.clone();
    let spec: DeviceSpec = blocking(move || devices::open(&opening)).await??;
    let control = guest.record.lock().control;
    let plug = devices::plug(&guest.life.record, control, &device, spec);
    change(daemon, guest, |devices| devices.push(device))?;
    daemon.shards[guest.shard].send(Command::Attach(guest.uuid, Box::new(plug)));
    Ok(index)
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
    let slot = guest.record.lock().devices.iter().find(|d| is(d)).map(|device| device.slot);
    let slot = slot.ok_or(GuestError::NoDevice { kind: kind.name(), index })?;
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
