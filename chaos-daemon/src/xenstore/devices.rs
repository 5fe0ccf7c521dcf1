//! A guest's devices: their entries, and what the host has to do for them.

use lightvm::api::DeviceStats;
use lightvm::config;
use lightvm::xen::DomId;
use uuid::Uuid;

use super::XenStore;
use super::entries::path::{self, Device};
use super::entries::{self, Disk, Nic};
use super::error::XenStoreError;
use super::hotplug::disk::Opening;
use super::hotplug::{self, link};
use super::store::Store;

/// `XenbusState` of Xen's `io/xenbus.h`.
const CONNECTED: &str = "4";
const CLOSING: &str = "5";

impl XenStore {
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
        let known = Disk::of(disk)?;
        let mut store = Store::open()?;
        prepare(&store, device)?;
        let opening = Opening { writable: disk.writable, direct_io: disk.direct_io };
        let host = hotplug::disk::open(&disk.path, opening)?;
        store.put(&entries::disk(device, &known), domain)?;
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

    /// Takes a device away from a running guest. One that is connected the guest is asked to let
    /// go of, unless by `force`.
    ///
    /// # Errors
    /// [`XenStoreError::Held`] when the guest does not let go; [`XenStoreError::NoDevice`].
    pub fn detach(&self, device: Device, force: bool) -> Result<(), XenStoreError> {
        let mut store = Store::open()?;
        let back = device.back();
        let Some(state) = store.read(&format!("{back}/state"))? else {
            return Err(XenStoreError::NoDevice(back));
        };
        store.write(&format!("{back}/online"), "0")?;
        if !force && [CONNECTED, CLOSING].contains(&state.as_str()) {
            store.write(&format!("{back}/state"), CLOSING)?;
            hotplug::await_gone(device).map_err(|_| XenStoreError::Held(back.clone()))?;
        }
        store.remove_all(&[device.front(), back, device.kept(), path::error(device)])?;
        hotplug::await_gone(device)?;
        store.prune(&path::above(device).each_ref().map(String::as_str))?;
        Ok(store.prune(&path::BETWEEN)?)
    }

    /// Which of `devices` are connected, and what went through each.
    ///
    /// # Errors
    /// [`XenStoreError`].
    pub fn look(&self, devices: &[Device]) -> Result<Vec<(bool, DeviceStats)>, XenStoreError> {
        let store = Store::open()?;
        let look = |&device: &Device| {
            let state = store.read(&format!("{}/state", device.back()))?;
            Ok::<_, XenStoreError>((state.as_deref() == Some(CONNECTED), hotplug::stats(device)))
        };
        devices.iter().map(look).collect()
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

/// Why the kernel gave a device up, in its words.
fn refusal(store: &Store, device: Device) -> Option<String> {
    store.read(&format!("{}/error", path::error(device))).ok().flatten()
}

impl Nic {
    /// The `number`th interface of a guest, as configured.
    ///
    /// # Errors
    /// [`XenStoreError::NeedsBridge`], [`XenStoreError::NoRate`].
    pub fn of(nic: &config::Nic, guest: Uuid, number: u32) -> Result<Self, XenStoreError> {
        const BRIDGE: &str = "xenbr0";
        const MTU: u16 = 1500;
        if nic.network.is_some() {
            return Err(XenStoreError::NeedsBridge("the daemon's networks"));
        }
        if nic.tap.is_some() {
            return Err(XenStoreError::NeedsBridge("tap devices"));
        }
        if nic.rate.is_some_and(|rate| rate.packets_per_s.is_some()) {
            return Err(XenStoreError::NoRate("packets a second"));
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
    ///
    /// # Errors
    /// [`XenStoreError::NoRate`].
    pub fn of(disk: &config::Disk) -> Result<Self, XenStoreError> {
        if disk.rate.is_some() {
            return Err(XenStoreError::NoRate("a disk"));
        }
        Ok(Disk {
            name: disk.device().as_str().to_owned(),
            path: disk.path.to_string_lossy().into_owned(),
            writable: disk.writable,
            removable: disk.removable,
            discard: disk.discard,
        })
    }
}
