//! What a guest finds in its own folder before it has devices.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::{Access, HOST, Path, Permissions, Store, WatchEvent};

/// A guest as its store describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Its domain.
    pub domain: u16,
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// KiB of memory it has; what its balloon driver keeps to.
    pub memory_kib: u64,
    /// Virtual CPUs online at start.
    pub vcpus: u32,
    /// Virtual CPUs there can be.
    pub max_vcpus: u32,
    /// The ring this is about: the guest's frame number and port.
    pub store: Page,
    /// Its console's.
    pub console: Page,
}

/// A page of a guest that the host shares, and the event channel that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The guest's frame number.
    pub frame: u64,
    /// The guest's port.
    pub port: u32,
}

/// What a guest can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// To end.
    Poweroff,
    /// To end and start again.
    Reboot,
    /// To halt until it is resumed.
    Suspend,
}

impl Ask {
    fn word(self) -> &'static str {
        match self {
            Ask::Poweroff => "poweroff",
            Ask::Reboot => "reboot",
            Ask::Suspend => "suspend",
        }
    }
}

/// Where a guest is asked to end.
pub(super) fn request_path(store: &Store) -> Path {
    store.home().join("control/shutdown")
}

/// Asks a guest: it sees the word, and takes it away when it begins.
pub(super) fn ask(store: &mut Store, ask: Ask) -> Vec<WatchEvent> {
    store.update(&request_path(store), ask.word())
}

/// Tells the guest how much memory it shall use.
pub(super) fn set_memory(store: &mut Store, kib: u64) -> Vec<WatchEvent> {
    store.update(&store.home().join("memory/target"), &kib.to_string())
}

/// The store of a new guest: the nodes `libxl` makes, as far as a guest may read them.
pub(super) fn new_store(guest: &Guest) -> Store {
    let mut store = Store::new(guest.domain);
    let hosts = Permissions::owned(HOST, Access::NONE).and(guest.domain, Access::READ);
    let guests = Permissions::owned(guest.domain, Access::NONE);
    let home = store.home().clone();
    for (name, value) in read_only(guest) {
        store.set(&home.join(name), &value, &hosts);
    }
    for name in WRITABLE {
        store.set(&home.join(name), "", &guests);
    }
    let vm = vm_folder(guest);
    store.set(&vm, "", &hosts);
    for (name, value) in [("name", guest.name.clone()), ("uuid", guest.uuid.to_string())] {
        store.set(&vm.join(name), &value, &hosts);
    }
    store
}

fn vm_folder(guest: &Guest) -> Path {
    Path::root().join("vm").join(guest.uuid)
}

/// Nodes the guest may write, and add to.
const WRITABLE: [&str; 12] = [
    "control/shutdown",
    "control/feature-poweroff",
    "control/feature-reboot",
    "control/feature-suspend",
    "control/sysrq",
    "device/suspend/event-channel",
    "data",
    "drivers",
    "feature",
    "attr",
    "error",
    "messages",
];

fn read_only(guest: &Guest) -> Vec<(String, String)> {
    let text = |name: &str, value: &dyn ToString| (name.to_owned(), value.to_string());
    let mut nodes = vec![
        text("name", &guest.name),
        text("domid", &guest.domain),
        text("vm", &vm_folder(guest)),
        text("cpu", &""),
        text("memory", &""),
        text("memory/static-max", &guest.memory_kib),
        text("memory/target", &guest.memory_kib),
        text("memory/videoram", &0),
        text("device", &""),
        text("device/vif", &""),
        text("device/vbd", &""),
        text("control", &""),
        text("control/platform-feature-multiprocessor-suspend", &1),
        text("control/platform-feature-xs_reset_watches", &1),
        text("store", &""),
        text("store/ring-ref", &guest.store.frame),
        text("store/port", &guest.store.port),
        text("console", &""),
        text("console/ring-ref", &guest.console.frame),
        text("console/port", &guest.console.port),
        text("console/type", &"xenconsoled"),
        text("console/limit", &1_048_576),
    ];
    nodes.extend((0..guest.max_vcpus).map(|n| {
        let state = if n < guest.vcpus { "online" } else { "offline" };
        text(&format!("cpu/{n}/availability"), &state)
    }));
    nodes
}
