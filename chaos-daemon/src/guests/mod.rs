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
mod finish;
mod hotplug;
mod keys;
mod line;
mod reap;
mod record;
mod stop;
mod terminal;
mod wait;
mod watch;
mod xenstore;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use foldhash::HashMap;
use lightvm::config::GuestName;
use lightvm::lifecycle;
use lightvm::registry::Selector;
use lightvm::xen::DomId;
use parking_lot::Mutex;
use tokio::sync::watch as latest;
use uuid::Uuid;

pub use adopt::adopt_all;
pub use ask::{find, look, pause, rename, unpause};
pub use create::{Created, create};
pub use disks::Disks;
pub use end::destroy;
pub use error::GuestError;
pub use hotplug::{Kind, attach_disk, attach_nic, detach};
pub use keys::{Key, KeyClaim, Keys, NoKey, digest};
pub(crate) use line::built_as;
pub use reap::{Reaper, Returned, reap, reap_all};
pub use record::{DeviceKind, DeviceRecord, Records};
pub(crate) use record::{GuestRecord, OpenRecord, Stage};
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
    known: Mutex<Known>,
    /// UUIDs of guests that are being built, as far as they were asked for.
    claims: Mutex<HashSet<Uuid>>,
    next_shard: AtomicUsize,
}

/// Guests by what they are called; a name may be an old one.
#[derive(Debug, Default)]
struct Known {
    guests: HashMap<Uuid, Arc<Guest>>,
    names: HashMap<GuestName, Uuid>,
    domains: HashMap<DomId, Uuid>,
}

/// A UUID that no other guest gets meanwhile.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    guests: &'a Guests,
    uuid: Uuid,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.guests.claims.lock().remove(&self.uuid);
    }
}

impl Guests {
    /// Every guest, by domain number.
    pub fn all(&self) -> Vec<Arc<Guest>> {
        let mut all: Vec<_> = self.known.lock().guests.values().cloned().collect();
        all.sort_by_key(|guest| guest.life.record.domid);
        all
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.known.lock().guests.len()
    }

    /// The guest that `name` names: by name, UUID or domain number.
    ///
    /// # Errors
    /// [`GuestError::NotFound`].
    pub fn find(&self, name: &str) -> Result<Arc<Guest>, GuestError> {
        let selector = Selector::from(name);
        let known = self.known.lock();
        let uuid = match &selector {
            Selector::Uuid(uuid) => Some(uuid),
            Selector::DomId(domid) => known.domains.get(domid),
            Selector::Name(name) => {
                name.parse().ok().and_then(|name: GuestName| known.names.get(&name))
            }
        };
        let found = uuid.and_then(|uuid| known.guests.get(uuid));
        found.cloned().ok_or_else(|| GuestError::NotFound(name.to_owned()))
    }

    /// Whether a guest was made under this name.
    pub(crate) fn knows(&self, name: &GuestName) -> bool {
        self.known.lock().names.contains_key(name)
    }

    /// Keeps others from building a guest of this UUID.
    pub(crate) fn claim(&self, uuid: Uuid) -> Result<Claim<'_>, GuestError> {
        if self.claims.lock().insert(uuid) {
            Ok(Claim { guests: self, uuid })
        } else {
            Err(GuestError::BeingBuilt(uuid))
        }
    }

    /// The shard of a guest.
    pub(crate) fn shard_of(&self, uuid: Uuid) -> Option<usize> {
        self.known.lock().guests.get(&uuid).map(|guest| guest.shard)
    }

    pub(crate) fn add(&self, guest: Arc<Guest>) {
        let mut known = self.known.lock();
        let record = &guest.life.record;
        known.names.insert(record.name.clone(), guest.uuid);
        known.domains.insert(record.domid, guest.uuid);
        known.guests.insert(guest.uuid, guest);
    }

    pub(crate) fn remove(&self, uuid: Uuid) {
        let mut known = self.known.lock();
        let Some(guest) = known.guests.remove(&uuid) else { return };
        let record = &guest.life.record;
        // Another may have its name since it was renamed.
        if known.names.get(&record.name) == Some(&uuid) {
            known.names.remove(&record.name);
        }
        known.domains.remove(&record.domid);
    }

    /// The shard of the next guest: they take turns.
    pub(crate) fn next_shard(&self, shards: usize) -> usize {
        self.next_shard.fetch_add(1, Ordering::Relaxed) % shards
    }
}
