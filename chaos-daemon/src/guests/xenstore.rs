//! Guests in XenStore mode: the kernel's back ends and xenconsoled serve them, no shard does.

use std::path::PathBuf;
use std::sync::Arc;

use lightvm::api::Stats;
use lightvm::config::{ControlMode, Disk, GuestConfig, Nic};
use lightvm::registry::Record;
use lightvm::xen::Xen;
use uuid::Uuid;

use super::GuestError;
use super::record::{DeviceKind, DeviceRecord};
use crate::daemon::Daemon;
use crate::shard::{Status, Wish};

/// Whether others than the shards serve guests of this kind.
pub(super) fn is_foreign(control: ControlMode) -> bool {
    control == ControlMode::XenStore
}

/// The devices that `config` describes, in the places of their bits in a [`Status`].
///
/// # Errors
/// [`GuestError::XenStore`] when the kernel cannot serve one of them.
pub(super) fn plan(uuid: Uuid, config: &GuestConfig) -> Result<Vec<DeviceRecord>, GuestError> {
    let mut devices = Vec::new();
    for (index, nic) in (0..).zip(config.nics()) {
        devices.push((index, kernel_nic(uuid, index, nic)?));
    }
    for (index, disk) in (0..).zip(config.disks()) {
        check_disk(disk)?;
        devices.push((index, DeviceKind::Disk(disk.clone())));
    }
    let places = (super::devices::CONSOLE + 1..).zip(devices);
    Ok(places.map(|(slot, (index, kind))| DeviceRecord { slot, index, kind }).collect())
}

#[cfg(not(feature = "xenstore"))]
mod mode {
    use super::{
        Arc, Daemon, DeviceKind, DeviceRecord, Disk, GuestError, Nic, PathBuf, Record, Stats,
        Status, Uuid, Wish, Xen,
    };

    fn missing<T>() -> Result<T, GuestError> {
        Err(GuestError::Unsupported(
            "this chaosd was built without XenStore mode (cargo feature `xenstore`)".into(),
        ))
    }

    pub(in super::super) fn check() -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn add(_: &Xen, _: &Record) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn remove(_: &Xen, _: &Record) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn sweep(_: &Xen, _: Uuid) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn ask(_: &Record, _: Wish) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn rename(_: &Record) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn kernel_nic(_: Uuid, _: u8, _: &Nic) -> Result<DeviceKind, GuestError> {
        missing()
    }

    pub(in super::super) fn check_disk(_: &Disk) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn attach(_: &Record, _: &DeviceRecord) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn detach(
        _: &Record,
        _: &DeviceRecord,
        _: bool,
    ) -> Result<(), GuestError> {
        missing()
    }

    pub(in super::super) fn look(
        _: &Record,
        _: &[DeviceRecord],
    ) -> Result<(Status, Stats), GuestError> {
        missing()
    }

    pub(in super::super) fn terminal(_: &Record) -> Result<Option<PathBuf>, GuestError> {
        missing()
    }

    pub(in super::super) fn hear_of_ends(_: &Arc<Daemon>) {}
}

#[cfg(feature = "xenstore")]
mod mode {
    use lightvm::xen::DomId;

    use super::{
        Arc, Daemon, DeviceKind, DeviceRecord, Disk, GuestError, Nic, PathBuf, Record, Stats,
        Status, Uuid, Wish, Xen,
    };
    use crate::xenstore::entries::path::Device;
    use crate::xenstore::guest::Ask;
    use crate::xenstore::{self, Guest, XenStore, XenStoreError};

    fn open() -> Result<XenStore, GuestError> {
        Ok(XenStore::open().map_err(XenStoreError::from)?)
    }

    /// Makes sure that a xenstored runs.
    pub(in super::super) fn check() -> Result<(), GuestError> {
        open().map(drop)
    }

    /// Makes a guest known that has not started, and connects its devices.
    pub(in super::super) fn add(xen: &Xen, life: &Record) -> Result<(), GuestError> {
        let guest = Guest::of(life).ok_or(GuestError::Broken)?;
        Ok(open()?.add(xen, &guest, life.config.nics(), life.config.disks())?)
    }

    /// Removes what there is of a guest whose domain has been destroyed.
    pub(in super::super) fn remove(xen: &Xen, life: &Record) -> Result<(), GuestError> {
        Ok(open()?.remove(xen, life.domid, life.uuid)?)
    }

    /// Removes what there is of a guest of which only the UUID is known.
    pub(in super::super) fn sweep(xen: &Xen, uuid: Uuid) -> Result<(), GuestError> {
        Ok(open()?.sweep(xen, uuid)?)
    }

    pub(in super::super) fn ask(life: &Record, wish: Wish) -> Result<(), GuestError> {
        let what = match wish {
            Wish::Poweroff => Ask::Poweroff,
            Wish::Reboot => Ask::Reboot,
            Wish::Suspend => Ask::Suspend,
        };
        Ok(open()?.ask(life.domid, what)?)
    }

    /// Tells the store the name that is on record now.
    pub(in super::super) fn rename(life: &Record) -> Result<(), GuestError> {
        let renamed = open()?.rename(life.domid, life.uuid, life.name.as_str());
        Ok(renamed.map_err(XenStoreError::from)?)
    }

    /// The `index`th interface of a guest, with all that is not said filled in.
    pub(in super::super) fn kernel_nic(
        uuid: Uuid,
        index: u8,
        nic: &Nic,
    ) -> Result<DeviceKind, GuestError> {
        let made = xenstore::Nic::of(nic, uuid, index.into())?;
        Ok(DeviceKind::KernelNic(Box::new(Nic {
            mac: Some(made.mac),
            bridge: Some(made.bridge),
            mtu: Some(made.mtu),
            ..nic.clone()
        })))
    }

    /// Whether the kernel can serve a disk as configured.
    pub(in super::super) fn check_disk(disk: &Disk) -> Result<(), GuestError> {
        Ok(xenstore::Disk::of(disk).map(drop)?)
    }

    /// The device as the store knows it.
    fn in_store(domain: DomId, device: &DeviceRecord) -> Device {
        match &device.kind {
            DeviceKind::Disk(disk) => Device::disk(domain, disk.device().number()),
            DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => {
                Device::nic(domain, device.index.into())
            }
        }
    }

    /// Connects a device. What is there of one that cannot be is removed again.
    pub(in super::super) fn attach(life: &Record, device: &DeviceRecord) -> Result<(), GuestError> {
        let (store, domain) = (open()?, life.domid);
        let attached = match &device.kind {
            DeviceKind::Disk(disk) => store.attach_disk(domain, disk),
            DeviceKind::KernelNic(nic) | DeviceKind::Nic { nic, .. } => {
                let number = device.index.into();
                let made = xenstore::Nic::of(nic, life.uuid, number)?;
                store.attach_nic(domain, number, &made)
            }
        };
        if !matches!(attached, Ok(()) | Err(XenStoreError::Exists(_))) {
            // The first error is the one to tell.
            let _ = store.detach(in_store(domain, device), true);
        }
        Ok(attached?)
    }

    /// Takes a device away; one that is not there any more is no mistake.
    pub(in super::super) fn detach(
        life: &Record,
        device: &DeviceRecord,
        force: bool,
    ) -> Result<(), GuestError> {
        match open()?.detach(in_store(life.domid, device), force) {
            Err(XenStoreError::NoDevice(_)) => Ok(()),
            detached => Ok(detached?),
        }
    }

    /// What the guest's devices are doing.
    pub(in super::super) fn look(
        life: &Record,
        devices: &[DeviceRecord],
    ) -> Result<(Status, Stats), GuestError> {
        let known: Vec<_> = devices.iter().map(|device| in_store(life.domid, device)).collect();
        let seen = open()?.look(&known)?;
        let (mut status, mut stats) = (Status::default(), Stats::default());
        for (device, (connected, counters)) in devices.iter().zip(seen) {
            status.connected |= u32::from(connected) << device.slot;
            match device.kind {
                DeviceKind::Disk(_) => stats.disks.push(counters),
                DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => stats.nics.push(counters),
            }
        }
        Ok((status, stats))
    }

    /// Where xenconsoled shows the guest's console, if it does.
    pub(in super::super) fn terminal(life: &Record) -> Result<Option<PathBuf>, GuestError> {
        Ok(open()?.terminal(life.domid).map_err(XenStoreError::from)?)
    }

    /// Has the daemon look for ended guests when xenstored tells of one.
    pub(in super::super) fn hear_of_ends(daemon: &Arc<Daemon>) {
        let daemon = Arc::downgrade(daemon);
        // Without xenstored there is nobody to hear it from, and no guest in this mode.
        let _ = xenstore::watch_ends(move || {
            if let Some(daemon) = daemon.upgrade() {
                daemon.ends.look();
            }
        });
    }
}

pub(super) use mode::{
    add, ask, attach, check, check_disk, detach, hear_of_ends, kernel_nic, look, remove, rename,
    sweep, terminal,
};
