//! A guest's life in the store.

use std::path::PathBuf;

use lightvm::config;
use lightvm::xen::{DomId, Xen};
use uuid::Uuid;

use super::consoled;
use super::entries::path::{self, Device, Kind};
use super::entries::{self, Guest, Nic};
use super::error::{StoreError, XenStoreError};
use super::hotplug;
use super::made;
use super::store::Store;

/// The way to the host's XenStore. Every verb opens its own connection, so that guests neither
/// wait for each other nor depend on one connection's life. All verbs block: they wait for
/// xenstored and for the kernel's back ends.
#[derive(Clone, Copy, Debug)]
pub struct XenStore(());

/// `GNTTAB_RESERVED_XENSTORE` of Xen's `grant_table.h`: by this grant the xenstored in C maps a
/// guest's ring.
const STORE_GRANT: u8 = 1;

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
        xen: &Xen,
        guest: &Guest,
        nics: &[config::Nic],
        disks: &[config::Disk],
    ) -> Result<(), XenStoreError> {
        let added = self.try_add(xen, guest, nics, disks);
        if added.is_err() {
            // The first error is the one to tell.
            let _ = self.remove(xen, guest.domain, guest.uuid);
        }
        added
    }

    fn try_add(
        &self,
        xen: &Xen,
        guest: &Guest,
        nics: &[config::Nic],
        disks: &[config::Disk],
    ) -> Result<(), XenStoreError> {
        let mut store = Store::open()?;
        made::note(&store)?;
        store.put(&guest.tree(), guest.domain)?;
        xen.grant_to_host(guest.domain, STORE_GRANT, guest.store.frame)?;
        store.introduce(guest.domain, guest.store)?;
        for (number, nic) in (0..).zip(nics) {
            self.attach_nic(guest.domain, number, &Nic::of(nic, guest.uuid, number)?)?;
        }
        for disk in disks {
            self.attach_disk(guest.domain, disk)?;
        }
        Ok(())
    }

    /// Removes everything of a guest that has been destroyed: the kernel's back ends let go of
    /// its devices, and no entry is left. What there is is read from the store, so this works as
    /// well for guests of a daemon that died.
    ///
    /// # Errors
    /// [`XenStoreError`], when all has been tried.
    pub fn remove(&self, xen: &Xen, domain: DomId, uuid: Uuid) -> Result<(), XenStoreError> {
        let mut store = Store::open()?;
        consoled::await_terminal(xen, &store, domain)?;
        let devices = devices(&store, domain)?;
        for &device in &devices {
            // A back end whose entry has vanished lets go.
            store.remove(&device.front())?;
            store.remove(&device.back())?;
        }
        let gone = devices.iter().map(|&device| hotplug::await_gone(device));
        let gone: Vec<_> = gone.filter_map(Result::err).collect();
        store.remove_all(&path::roots(domain, uuid))?;
        let folders: Vec<_> = path::BETWEEN.into_iter().chain(made::folders()).collect();
        store.prune(&folders)?;
        gone.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Removes everything of a guest that no longer runs and of which no more is known than its
    /// UUID.
    ///
    /// # Errors
    /// As [`XenStore::remove`].
    pub fn sweep(&self, xen: &Xen, uuid: Uuid) -> Result<(), XenStoreError> {
        let (store, vm) = (Store::open()?, path::vm(uuid));
        for name in store.list(path::DOMAINS)? {
            let Ok(domain) = name.parse().map(DomId) else { continue };
            if store.read(&format!("{}/vm", path::home(domain)))?.as_ref() == Some(&vm) {
                self.remove(xen, domain, uuid)?;
            }
        }
        Ok(())
    }

    /// The terminal on which xenconsoled shows a guest's console; `None` when it has made none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn terminal(&self, domain: DomId) -> Result<Option<PathBuf>, StoreError> {
        let entry = format!("{}/{}/tty", path::home(domain), path::CONSOLE);
        Ok(Store::open()?.read(&entry)?.map(PathBuf::from))
    }

    /// Gives a guest another name, where other tools look for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rename(&self, domain: DomId, uuid: Uuid, name: &str) -> Result<(), StoreError> {
        Store::open()?.put(&entries::names(domain, uuid, name), domain)
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
