//! Guests: created, ended, taken up again after a restart.
//!
//! ```text
//!              build                    its domain ends
//!  nothing ───────────▶ Guest, served ─────────────────▶ on_* action ─▶ gone, or built again
//!              adopt ▲       │ destroy
//!  a dead daemon's ──┘       └───────▶ nothing left: domain, ports, files, records
//! ```
//!
//! One thing at a time happens to a guest: whoever changes it holds its turn.

mod adopt;
mod ask;
mod build;
mod create;
mod devices;
mod disks;
mod end;
mod error;
mod hotplug;
mod keys;
mod line;
mod record;
mod stop;
mod terminal;
mod wait;
mod watch;
mod xenstore;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use lightvm::lifecycle;
use lightvm::registry::Selector;
use parking_lot::Mutex;
use tokio::sync::watch as latest;
use uuid::Uuid;

pub use adopt::adopt_all;
pub use ask::{find, look, pause, rename, unpause};
pub(crate) use build::built_control;
pub use create::{Created, create};
pub use disks::Disks;
pub use end::destroy;
pub use error::GuestError;
pub use hotplug::{Kind, attach_disk, attach_nic, detach};
pub use keys::{Claim, Key, Keys, NoKey, digest};
pub(crate) use line::built_as;
pub use record::{DeviceKind, DeviceRecord, Records};
pub(crate) use record::{GuestRecord, Stage};
pub use stop::stop;
pub use terminal::{drain, show};
pub use watch::{Ends, watch_ends};

use crate::shard::{Started, Status};

/// A guest that this daemon serves.
#[derive(Debug)]
pub struct Guest {
    /// Its identity.
    pub uuid: Uuid,
    /// The shard that serves it.
    pub shard: usize,
    /// What it says about itself.
    pub status: latest::Receiver<Status>,
    /// Told before it is started.
    pub(crate) started: Started,
    /// Its domain and what is written down about it.
    pub(crate) life: lifecycle::Guest,
    /// What the daemon has written down about it.
    pub(crate) record: Mutex<GuestRecord>,
    /// What became of it when it ended.
    pub(crate) ended: latest::Sender<Option<stop::Ending>>,
    /// Whether its terminal is being copied to its sink, in XenStore mode.
    pub(crate) copied: AtomicBool,
    /// Held by whoever changes the guest. Said within: whether it is gone.
    pub(crate) turn: tokio::sync::Mutex<Gone>,
}

/// Whether a guest is gone, for whoever waited for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone(pub(crate) bool);

/// The guests of this daemon.
#[derive(Debug, Default)]
pub struct Guests {
    known: Mutex<HashMap<Uuid, Arc<Guest>>>,
    next_shard: AtomicUsize,
}

impl Guests {
    /// Every guest, by domain number.
    pub fn all(&self) -> Vec<Arc<Guest>> {
        let mut all: Vec<_> = self.known.lock().values().cloned().collect();
        all.sort_by_key(|guest| guest.life.record.domid);
        all
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.known.lock().len()
    }

    /// The guest that `name` names: by name, UUID or domain number.
    ///
    /// # Errors
    /// [`GuestError::NotFound`].
    pub fn find(&self, name: &str) -> Result<Arc<Guest>, GuestError> {
        let selector = Selector::from(name);
        let known = self.known.lock();
        let found = match &selector {
            Selector::Uuid(uuid) => known.get(uuid),
            Selector::DomId(domid) => known.values().find(|g| g.life.record.domid == *domid),
            Selector::Name(name) => known.values().find(|g| g.life.record.name.as_str() == name),
        };
        found.cloned().ok_or_else(|| GuestError::NotFound(name.to_owned()))
    }
    /// The shard of a guest.
    pub(crate) fn shard_of(&self, uuid: Uuid) -> Option<usize> {
        self.known.lock().get(&uuid).map(|guest| guest.shard)
    }

    pub(crate) fn add(&self, guest: Arc<Guest>) {
        self.known.lock().insert(guest.uuid, guest);
    }

    pub(crate) fn remove(&self, uuid: Uuid) {
        self.known.lock().remove(&uuid);
    }

    /// The shard of the next guest: they take turns.
    pub(crate) fn next_shard(&self, shards: usize) -> usize {
        self.next_shard.fetch_add(1, Ordering::Relaxed) % shards
    }
}
