//! Guests in XenStore mode: the kernel's back ends and xenconsoled serve them, no shard does.

use std::sync::Arc;

use lightvm::config::ControlMode;
use lightvm::registry::Record;

use super::GuestError;
use crate::daemon::Daemon;
use crate::shard::Wish;

/// Whether others than the shards serve guests of this kind.
pub(super) fn is_foreign(control: ControlMode) -> bool {
    control == ControlMode::XenStore
}

/// For what only the kernel's own tools can do.
pub(super) fn unsupported() -> GuestError {
    GuestError::Unsupported(
        "the kernel serves this guest's devices: use `xl network-attach`, `xl block-attach` and \
         their `-detach`"
            .into(),
    )
}

#[cfg(not(feature = "xenstore"))]
mod mode {
    use super::{Arc, Daemon, GuestError, Record, Wish};

    pub(in super::super) fn missing() -> GuestError {
        GuestError::Unsupported(
            "this chaosd was built without XenStore mode (cargo feature `xenstore`)".into(),
        )
    }

    pub(in super::super) fn check() -> Result<(), GuestError> {
        Err(missing())
    }

    pub(in super::super) fn add(_: &Record) -> Result<(), GuestError> {
        Err(missing())
    }

    pub(in super::super) fn remove(_: &Record) -> Result<(), GuestError> {
        Err(missing())
    }

    pub(in super::super) fn ask(_: &Record, _: Wish) -> Result<(), GuestError> {
        Err(missing())
    }

    pub(in super::super) fn hear_of_ends(_: &Arc<Daemon>) {}
}

#[cfg(feature = "xenstore")]
mod mode {
    use super::{Arc, Daemon, GuestError, Record, Wish};
    use crate::xenstore::guest::Ask;
    use crate::xenstore::{self, Guest, XenStore, XenStoreError};

    /// Makes sure that a xenstored runs.
    pub(in super::super) fn check() -> Result<(), GuestError> {
        XenStore::open().map_err(XenStoreError::from)?;
        Ok(())
    }

    /// Makes a guest known that has not started, and connects its devices.
    pub(in super::super) fn add(life: &Record) -> Result<(), GuestError> {
        let store = XenStore::open().map_err(XenStoreError::from)?;
        let guest = Guest::of(life).ok_or(GuestError::Broken)?;
        Ok(store.add(&guest, life.config.nics(), life.config.disks())?)
    }

    /// Removes what there is of a guest whose domain has been destroyed.
    pub(in super::super) fn remove(life: &Record) -> Result<(), GuestError> {
        let store = XenStore::open().map_err(XenStoreError::from)?;
        Ok(store.remove(life.domid, life.uuid)?)
    }

    pub(in super::super) fn ask(life: &Record, wish: Wish) -> Result<(), GuestError> {
        let what = match wish {
            Wish::Poweroff => Ask::Poweroff,
            Wish::Reboot => Ask::Reboot,
            Wish::Suspend => Ask::Suspend,
        };
        let store = XenStore::open().map_err(XenStoreError::from)?;
        Ok(store.ask(life.domid, what)?)
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

pub(super) use mode::{add, ask, check, hear_of_ends, remove};
