//! The back ends' half of XenBus: a folder for each device, and the steps by which its
//! two ends find each other.
//!
//! Whether a device is served is the host's business: here it is asked to attach or
//! detach, and the guest sees the back end's next state only when the host has done so.

mod block;
mod front;
mod net;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use block::{BlockAbi, BlockDevice, BlockFront};
pub use front::{Front, FrontEnd};
pub use net::{NetDevice, NetFront};
pub use state::State;

use super::store::{Access, HOST, Path, Permissions, Store, WatchEvent};
use front::Reader;
use state::{Phase, Step};

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeviceKind {
    /// `vif`.
    Net,
    /// `vbd`.
    Block,
}

/// A device of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// What it is.
    pub kind: DeviceKind,
    /// [`NetDevice::index`] or [`BlockDevice::number`].
    pub number: u32,
}

/// A device as the host offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Device {
    /// A network device.
    Net(NetDevice),
    /// A block device.
    Block(BlockDevice),
}

/// What the host has to do for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusEvent {
    /// Attach a back end; answer with [`Bus::attached`] or [`Bus::refused`].
    Attach {
        /// The device.
        device: Key,
        /// Where its rings are.
        front: Front,
    },
    /// Let go of everything of the guest's; answer with [`Bus::detached`].
    Detach {
        /// The device.
        device: Key,
    },
    /// The device is gone for good.
    Removed {
        /// The device.
        device: Key,
    },
    /// The front end cannot be served.
    Unfit {
        /// The device.
        device: Key,
        /// Why.
        reason: FrontEnd,
    },
}

/// The devices of one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bus {
    devices: BTreeMap<Key, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    device: Device,
    phase: Phase<Front>,
    /// The host takes it away.
    leaving: bool,
}

/// What a step says to the guest and to the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// For the guest's watches.
    pub watch: Vec<WatchEvent>,
    /// For the host.
    pub host: Vec<BusEvent>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.folder(), self.number)
    }
}

impl DeviceKind {
    fn folder(self) -> &'static str {
        match self {
            DeviceKind::Net => "vif",
            DeviceKind::Block => "vbd",
        }
    }

    /// The front end's state in which its rings can be read: a network front end is
    /// ready when it says it is connected (Linux' netback waits for that, too).
    fn ready(self) -> State {
        match self {
            DeviceKind::Net => State::Connected,
            DeviceKind::Block => State::Initialised,
        }
    }
}

impl Device {
    /// Its key.
    pub fn key(&self) -> Key {
        match self {
            Device::Net(net) => Key { kind: DeviceKind::Net, number: net.index },
            Device::Block(block) => Key { kind: DeviceKind::Block, number: block.number },
        }
    }
}

/// The front end's folder.
fn front_folder(store: &Store, key: Key) -> Path {
    store.home().join("device").join(key)
}

/// The back end's folder.
fn back_folder(store: &Store, key: Key) -> Path {
    let guest = store.guest();
    Path::root()
        .join("local/domain/0/backend")
        .join(key.kind.folder())
        .join(format_args!("{guest}/{}", key.number))
}

impl Bus {
    /// The devices there are, and whether each is attached.
    pub fn devices(&self) -> impl Iterator<Item = (&Device, bool)> {
        let attached = |entry: &Entry| matches!(entry.phase, Phase::Attached(_));
        self.devices.values().map(move |entry| (&entry.device, attached(entry)))
    }

    /// Adds a device; replaces nothing: one with the same key stays as it is.
    pub fn add(&mut self, store: &mut Store, device: Device) -> Effects {
        let mut effects = Effects::default();
        let key = device.key();
        if self.devices.contains_key(&key) {
            return effects;
        }
        announce(store, &device, &mut effects.watch);
        self.devices.insert(key, Entry { device, phase: Phase::Waiting, leaving: false });
        effects
    }

    /// Takes a device away; the guest is asked to let go of it first, when it uses it.
    pub fn remove(&mut self, store: &mut Store, key: Key) -> Effects {
        let mut effects = Effects::default();
        let Some(entry) = self.devices.get_mut(&key) else { return effects };
        entry.leaving = true;
        let back = back_folder(store, key);
        effects.watch.extend(store.update(&back.join("online"), "0"));
        if matches!(entry.phase, Phase::Waiting | Phase::Closed) {
            self.forget(store, key, &mut effects);
        } else {
            let state = (State::Closing as u8).to_string();
            effects.watch.extend(store.update(&back.join("state"), &state));
        }
        effects
    }

    /// Takes a device away without asking the guest.
    pub fn remove_now(&mut self, store: &mut Store, key: Key) -> Effects {
        let mut effects = Effects::default();
        if let Some(entry) = self.devices.get(&key) {
            if matches!(entry.phase, Phase::Attaching(_) | Phase::Attached(_)) {
                effects.host.push(BusEvent::Detach { device: key });
            }
            self.forget(store, key, &mut effects);
        }
        effects
    }

    /// The host serves the device.
    pub fn attached(&mut self, store: &mut Store, key: Key) -> Effects {
        let mut effects = Effects::default();
        if let Some(entry) = self.devices.get_mut(&key)
            && let Phase::Attaching(front) = &entry.phase
        {
            let phase = Phase::Attached(front.clone());
            self.enter(store, key, phase, &mut effects);
        }
        effects
    }

    /// The host cannot serve the device, or not any more; `reason` is for the guest.
    pub fn refused(&mut self, store: &mut Store, key: Key, reason: &str) -> Effects {
        let mut effects = Effects::default();
        let Some(entry) = self.devices.get(&key) else { return effects };
        if matches!(entry.phase, Phase::Attaching(_) | Phase::Attached(_) | Phase::Detaching) {
            self.fail(store, key, reason, &mut effects);
            self.follow(store, key, &mut effects);
        }
        effects
    }

    /// The host holds nothing of the guest's any more.
    pub fn detached(&mut self, store: &mut Store, key: Key) -> Effects {
        let mut effects = Effects::default();
        if self.devices.get(&key).is_some_and(|entry| matches!(entry.phase, Phase::Detaching)) {
            self.enter(store, key, Phase::Closing, &mut effects);
            self.follow(store, key, &mut effects);
        }
        effects
    }

    /// The guest changed `path`.
    pub fn changed(&mut self, store: &mut Store, path: &Path) -> Effects {
        let mut effects = Effects::default();
        let concerned: Vec<Key> = self.devices.keys().copied().collect();
        for key in concerned {
            let state = front_folder(store, key).join("state");
            if state.below(path).is_some() {
                self.follow(store, key, &mut effects);
            }
        }
        effects
    }

    /// What a host that starts anew has to do for the phases the devices are in.
    pub fn resume(&self) -> Vec<BusEvent> {
        let event = |(key, entry): (&Key, &Entry)| match &entry.phase {
            Phase::Attaching(front) | Phase::Attached(front) => {
                Some(BusEvent::Attach { device: *key, front: front.clone() })
            }
            Phase::Detaching => Some(BusEvent::Detach { device: *key }),
            Phase::Waiting | Phase::Closing | Phase::Closed => None,
        };
        self.devices.iter().filter_map(event).collect()
    }

    /// Follows the front end's state as far as that leads.
    fn follow(&mut self, store: &mut Store, key: Key, effects: &mut Effects) {
        let front = front_folder(store, key);
        let state = State::parse(store.text(&front.join("state")));
        while let Some(entry) = self.devices.get(&key) {
            let phase = match entry.phase.step(state, key.kind.ready()) {
                Step::Stay => return,
                Step::Attach => match read_front(store, key, &front) {
                    Ok(front) => {
                        effects.host.push(BusEvent::Attach { device: key, front: front.clone() });
                        Phase::Attaching(front)
                    }
                    Err(reason) => {
                        self.fail(store, key, &reason.to_string(), effects);
                        effects.host.push(BusEvent::Unfit { device: key, reason });
                        continue;
                    }
                },
                Step::Detach => {
                    effects.host.push(BusEvent::Detach { device: key });
                    Phase::Detaching
                }
                Step::Finish if entry.leaving => return self.forget(store, key, effects),
                Step::Wait if entry.leaving => return,
                Step::Finish => Phase::Closed,
                Step::Close => Phase::Closing,
                Step::Wait => Phase::Waiting,
            };
            self.enter(store, key, phase, effects);
        }
    }

    fn enter(&mut self, store: &mut Store, key: Key, phase: Phase<Front>, effects: &mut Effects) {
        let Some(entry) = self.devices.get_mut(&key) else { return };
        let (before, after) = (entry.phase.state(), phase.state());
        entry.phase = phase;
        if before != after {
            let path = back_folder(store, key).join("state");
            effects.watch.extend(store.update(&path, &(after as u8).to_string()));
        }
    }

    /// As `xenbus_dev_fatal` does: a reason for whoever looks, and closing.
    fn fail(&mut self, store: &mut Store, key: Key, reason: &str, effects: &mut Effects) {
        let error = back_folder(store, key).join("error");
        effects.watch.extend(store.update(&error, reason));
        self.enter(store, key, Phase::Closing, effects);
    }

    fn forget(&mut self, store: &mut Store, key: Key, effects: &mut Effects) {
        self.devices.remove(&key);
        effects.watch.extend(store.remove(&back_folder(store, key)));
        effects.watch.extend(store.remove(&front_folder(store, key)));
        effects.host.push(BusEvent::Removed { device: key });
    }
}

fn read_front(store: &Store, key: Key, folder: &Path) -> Result<Front, FrontEnd> {
    let reader = Reader::new(store, folder);
    match key.kind {
        DeviceKind::Net => NetFront::read(&reader).map(Front::Net),
        DeviceKind::Block => {
            // Linux says what it could do, also where it was not offered and it does without.
            let offer = back_folder(store, key).join("feature-persistent");
            let offered = store.text(&offer) == Some("1");
            BlockFront::read(&reader, offered).map(Front::Block)
        }
    }
}

/// Makes the two folders. The front end's is the guest's own, and made last: its
/// appearance is what a guest waits for.
fn announce(store: &mut Store, device: &Device, events: &mut Vec<WatchEvent>) {
    let key = device.key();
    let (guest, front, back) = (store.guest(), front_folder(store, key), back_folder(store, key));
    let (offer, own) = match device {
        Device::Net(net) => (net.offer(), net.front_nodes()),
        Device::Block(block) => (block.offer(), block.front_nodes()),
    };
    let hosts = Permissions::owned(HOST, Access::NONE).and(guest, Access::READ);
    let guests = Permissions::owned(guest, Access::NONE).and(HOST, Access::READ);
    let node = |name: &str, value: String| (name.to_owned(), value);
    let mut back_nodes = vec![
        node("frontend", front.to_string()),
        node("frontend-id", guest.to_string()),
        node("online", "1".into()),
        node("hotplug-status", "connected".into()),
    ];
    back_nodes.extend(offer);
    back_nodes.push(node("state", (State::InitWait as u8).to_string()));
    let mut front_nodes =
        vec![node("backend", back.to_string()), node("backend-id", HOST.to_string())];
    front_nodes.extend(own);
    front_nodes.push(node("state", (State::Initialising as u8).to_string()));
    for (folder, permissions, nodes) in [(back, hosts, back_nodes), (front, guests, front_nodes)] {
        events.extend(store.set(&folder, "", &permissions));
        for (name, value) in nodes {
            events.extend(store.set(&folder.join(name), &value, &permissions));
        }
    }
}
