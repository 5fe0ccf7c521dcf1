//! A guest's life in the store.

use lightvm::config;
use lightvm::xen::DomId;
use uuid::Uuid;

use super::consoled;
use super::entries::path::{self, Device, Kind};
use super::entries::{self, Disk, Guest, Nic};
use super::error::{StoreError, XenStoreError};
use super::hotplug::disk::Opening;
use super::hotplug::{self, link};
use super::made;
use super::store::Store;

/// The way to the host's XenStore. Every verb opens its own connection, so that guests neither
/// wait for each other nor depend on one connection's life. All verbs block: they wait for
/// xenstored and for the kernel's back ends.
#[derive(Clone, Copy, Debug)]
pub struct XenStore(());

/// What a guest can be asked to do by `control/shutdown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To power itself off.
    Poweroff,
    /// To reboot.
    Reboot,
    /// To suspend itself.
    Suspend,
}

impl XenStore {
    /// Makes sure that a xenstored runs.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`].
    pub fn open() -> Result<Self, StoreError> {
        Store::open().map(|_| XenStore(()))
    }

    /// Makes a guest known that has not run yet, and connects its devices to the host.
    ///
    /// # Errors
    /// [`XenStoreError`]; the store has nothing of the guest then.
    pub fn add(
        &self,
        guest: &Guest,
        nics: &[config::Nic],
        disks: &[config::Disk],
    ) -> Result<(), XenStoreError> {
        let added = self.try_add(guest, nics, disks);
        if added.is_err() {
            // The first error is the one to tell.
            let _ = self.remove(guest.domain, guest.uuid);
        }
        added
    }

    fn try_add(
        &self,
        guest: &Guest,
        nics: &[config::Nic],
        disks: &[config::Disk],
    ) -> Result<(), XenStoreError> {
        let mut store = Store::open()?;
        made::note(&store)?;
        store.put(&guest.tree(), guest.domain)?;
        store.introduce(guest.domain, guest.store)?;
        for (number, nic) in (0..).zip(nics) {
            self.attach_nic(guest.domain, number, &Nic::of(nic, guest.uuid, number)?)?;
        }
        for disk in disks {
            self.attach_disk(guest.domain, disk)?;
        }
        Ok(())
    }

    /// Gives a guest a network interface.
    ///
    /// # Errors
    /// [`XenStoreError`]; call [`XenStore::detach`] then.
    pub fn attach_nic(&self, domain: DomId, number: u32, nic: &Nic) -> Result<(), XenStoreError> {
        let device = Device::nic(domain, number);
        let mut store = Store::open()?;
        prepare(&store, device)?;
        store.put(&entries::nic(device, nic), domain)?;
        link::connect(device, nic, || refusal(&store, device))?;
        store.write(&format!("{}/hotplug-status", device.back()), "connected")?;
        Ok(())
    }

    /// Gives a guest a disk.
    ///
    /// # Errors
    /// [`XenStoreError`]; call [`XenStore::detach`] then.
    pub fn attach_disk(&self, domain: DomId, disk: &config::Disk) -> Result<(), XenStoreError> {
        let device = Device::disk(domain, disk.device().number());
        let mut store = Store::open()?;
        prepare(&store, device)?;
        let opening = Opening { writable: disk.writable, direct_io: disk.direct_io };
        let host = hotplug::disk::open(&disk.path, opening)?;
        store.put(&entries::disk(device, &Disk::of(disk)), domain)?;
        let back = device.back();
        let path = host.path.to_string_lossy();
        for (name, value) in [
            ("node", path.as_ref()),
            ("physical-device-path", path.as_ref()),
            ("physical-device", host.number.as_str()),
            ("hotplug-status", "connected"),
        ] {
            store.write(&format!("{back}/{name}"), value)?;
        }
        hotplug::disk::await_opened(device, || refusal(&store, device))?;
        Ok(())
    }

    /// Takes a device away from a running guest: asks it to close the device, unless by `force`,
    /// and waits for the kernel's back end. A guest that does not answer in 10 s loses the device
    /// all the same.
    ///
    /// # Errors
    /// [`XenStoreError`].
    pub fn detach(&self, device: Device, force: bool) -> Result<(), XenStoreError> {
        const CLOSING: &str = "5";
        let mut store = Store::open()?;
        let back = device.back();
        if store.read(&format!("{back}/frontend"))?.is_none() {
            return Err(XenStoreError::NoDevice(back));
        }
        store.write(&format!("{back}/online"), "0")?;
        if !force {
            store.write(&format!("{back}/state"), CLOSING)?;
            // Late is as good as never.
            let _ = hotplug::await_gone(device);
        }
        store.remove_all(&[device.front(), back, device.kept(), path::error(device)])?;
        hotplug::await_gone(device)?;
        let kind = path::backs(device.domain, device.kind.name());
        store.prune(&[&kind])?;
        Ok(())
    }

    /// Removes everything of a guest that has been destroyed: the kernel's back ends let go of
    /// its devices, and no entry is left. What there is is read from the store, so this works as
    /// well for guests of a daemon that died.
    ///
    /// # Errors
    /// [`XenStoreError`], when all has been tried.
    pub fn remove(&self, domain: DomId, uuid: Uuid) -> Result<(), XenStoreError> {
        let mut store = Store::open()?;
        consoled::await_terminal(&store, domain)?;
        let devices = devices(&store, domain)?;
        for &device in &devices {
            // A back end whose entry has vanished lets go.
            store.remove(&device.front())?;
            store.remove(&device.back())?;
        }
        let gone = devices.iter().map(|&device| hotplug::await_gone(device));
        let gone: Vec<_> = gone.filter_map(Result::err).collect();
        store.remove_all(&path::roots(domain, uuid))?;
        store.prune(&path::BETWEEN)?;
        made::prune(&mut store)?;
        gone.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Asks a guest to do something; that it did is seen by its end.
    ///
    /// # Errors
    /// [`XenStoreError`].
    pub fn ask(&self, domain: DomId, what: Ask) -> Result<(), XenStoreError> {
        let word = match what {
            Ask::Poweroff => "poweroff",
            Ask::Reboot => "reboot",
            Ask::Suspend => "suspend",
        };
        let control = format!("{}/control/shutdown", path::home(domain));
        Ok(Store::open()?.write(&control, word)?)
    }
}

/// What has to hold before a device is added.
fn prepare(store: &Store, device: Device) -> Result<(), XenStoreError> {
    hotplug::is_loaded(device.kind)?;
    if store.read(&format!("{}/frontend", device.back()))?.is_some() {
        return Err(XenStoreError::Exists(device.back()));
    }
    Ok(())
}

/// The devices of a guest that have a back end in dom0.
fn devices(store: &Store, domain: DomId) -> Result<Vec<Device>, StoreError> {
    let mut devices = Vec::new();
    for kind in Kind::ALL {
        let numbers = store.list(&path::backs(domain, kind.name()))?;
        let numbers = numbers.iter().filter_map(|number| number.parse().ok());
        devices.extend(numbers.map(|number| Device { domain, kind, number }));
    }
    Ok(devices)
}

/// Why the kernel gave a device up, in its words.
fn refusal(store: &Store, device: Device) -> Option<String> {
    store.read(&format!("{}/error", path::error(device))).ok().flatten()
}

impl Nic {
    /// The `number`th interface of a guest, as configured.
    ///
    /// # Errors
    /// [`XenStoreError::NeedsBridge`].
    pub fn of(nic: &config::Nic, guest: Uuid, number: u32) -> Result<Self, XenStoreError> {
        const BRIDGE: &str = "xenbr0";
        const MTU: u16 = 1500;
        if nic.network.is_some() {
            return Err(XenStoreError::NeedsBridge("the daemon's networks"));
        }
        if nic.tap.is_some() {
            return Err(XenStoreError::NeedsBridge("tap devices"));
        }
        Ok(Nic {
            mac: nic.mac.unwrap_or_else(|| mac(guest, number)),
            bridge: nic.bridge.clone().unwrap_or_else(|| BRIDGE.to_owned()),
            mtu: nic.mtu.unwrap_or(MTU),
            bytes_per_s: nic.rate.and_then(|rate| rate.bytes_per_s).map(u64::from),
        })
    }
}

/// An address of Xen's range (00:16:3e) that stays the same for as long as the guest lives.
fn mac(guest: Uuid, number: u32) -> macaddr::MacAddr6 {
    let bytes = guest.as_bytes();
    let number = u8::try_from(number % 0x100).unwrap_or(0);
    macaddr::MacAddr6::new(
        0,
        0x16,
        0x3e,
        bytes[13] & 0x7f,
        bytes[14],
        bytes[15].wrapping_add(number),
    )
}

impl Disk {
    /// A disk, as configured.
    #[must_use]
    pub fn of(disk: &config::Disk) -> Self {
        Disk {
            name: disk.device().as_str().to_owned(),
            path: disk.path.to_string_lossy().into_owned(),
            writable: disk.writable,
            removable: disk.removable,
            discard: disk.discard,
        }
    }
}
