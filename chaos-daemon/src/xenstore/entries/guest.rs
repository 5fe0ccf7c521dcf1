//! A guest without its devices.

use lightvm::build::Control;
use lightvm::config::GuestType;
use lightvm::registry::Record;
use lightvm::xen::DomId;
use uuid::Uuid;

use super::path;
use super::tree::{Access, Tree};

/// A page shared with the guest, and the guest's port that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The page, as dom0 maps it: gfn of a PVH guest, mfn of a PV guest.
    pub frame: u64,
    /// The guest's port, which waits for dom0 to bind to it.
    pub port: u32,
}

/// What the store says of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its number in Xen.
    pub domain: DomId,
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// How it is virtualised.
    pub guest_type: GuestType,
    /// Memory at start, in KiB.
    pub memory_kib: u64,
    /// The most memory it can ever have, in KiB.
    pub max_memory_kib: u64,
    /// vCPUs online at start.
    pub vcpus: u16,
    /// vCPUs it can ever have; at least `vcpus`.
    pub max_vcpus: u16,
    /// The ring on which it reaches the store.
    pub store: Ring,
    /// The console's ring.
    pub console: Ring,
    /// When it was made, in seconds since 1970.
    pub start_time: u64,
}

/// The most console output that xenconsoled keeps while nobody reads, in bytes.
const CONSOLE_LIMIT: u32 = 1 << 20;

/// Written by the guest: answers to requests, and what its kernel's drivers say.
const WRITABLE: [&str; 10] = [
    "control/shutdown",
    "control/sysrq",
    "control/feature-poweroff",
    "control/feature-reboot",
    "control/feature-suspend",
    "device/suspend/event-channel",
    "attr",
    "data",
    "drivers",
    "error",
];

/// The entries that say a guest's name.
#[must_use]
pub fn names(domain: DomId, uuid: Uuid, name: &str) -> Tree {
    let mut tree = Tree::new();
    tree.say(&path::home(domain), "name", name);
    tree.say(&path::vm(uuid), "name", name);
    tree
}

impl Guest {
    /// What is on record about a guest; `None` when it was built without a XenStore ring.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let channel =
            record.channel.as_ref().filter(|channel| channel.control == Control::Store)?;
        let config = &record.config;
        Some(Guest {
            domain: record.domid,
            uuid: record.uuid,
            name: record.name.to_string(),
            guest_type: record.guest_type,
            memory_kib: config.memory().bytes() >> 10,
            max_memory_kib: config.max_memory().bytes() >> 10,
            vcpus: config.vcpus(),
            max_vcpus: config.max_vcpus(),
            store: Ring { frame: channel.page, port: channel.port },
            console: Ring { frame: record.console.frame, port: record.console.port },
            start_time: record.created,
        })
    }

    /// Its entries.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        self.say_home(&mut tree);
        self.say_cpus(&mut tree);
        self.say_console(&mut tree);
        let home = path::home(self.domain);
        for name in ["control", "device", "device/suspend", "device/vif", "device/vbd"] {
            tree.say(&home, name, "");
        }
        tree.say(&home, "control/platform-feature-multiprocessor-suspend", 1);
        tree.say(&home, "control/platform-feature-xs_reset_watches", 1);
        for name in WRITABLE {
            tree.folder(format!("{home}/{name}"), Access::Private);
        }
        self.say_elsewhere(&mut tree);
        tree
    }

    fn say_home(&self, tree: &mut Tree) {
        let home = path::home(self.domain);
        tree.folder(&home, Access::Shown);
        tree.say(&home, "vm", path::vm(self.uuid));
        tree.say(&home, "name", &self.name);
        tree.say(&home, "domid", self.domain);
        tree.say(&home, "memory", "");
        tree.say(&home, "memory/static-max", self.max_memory_kib);
        tree.say(&home, "memory/target", self.memory_kib);
        tree.say(&home, "memory/videoram", 0);
        tree.say(&home, "store", "");
        tree.say(&home, "store/port", self.store.port);
        tree.say(&home, "store/ring-ref", self.store.frame);
    }

    fn say_cpus(&self, tree: &mut Tree) {
        let cpus = format!("{}/cpu", path::home(self.domain));
        tree.say(&path::home(self.domain), "cpu", "");
        for cpu in 0..self.max_vcpus {
            tree.say(&cpus, &cpu.to_string(), "");
            let availability = if cpu < self.vcpus { "online" } else { "offline" };
            tree.say(&cpus, &format!("{cpu}/availability"), availability);
        }
    }

    /// xenconsoled finds the ring here and says in `tty` where `xl console` finds its end.
    fn say_console(&self, tree: &mut Tree) {
        let front = format!("{}/console", path::home(self.domain));
        let back = format!("{}/0", path::backs(self.domain, path::CONSOLE));
        tree.folder(&back, Access::Shown);
        tree.say(&back, "frontend", &front);
        tree.say(&back, "frontend-id", self.domain);
        tree.say(&back, "online", 1);
        tree.say(&back, "protocol", "vt100");
        tree.say(&back, "state", 1);
        tree.say(&path::home(self.domain), "console", "");
        tree.say(&front, "backend", &back);
        tree.say(&front, "backend-id", 0);
        tree.say(&front, "limit", CONSOLE_LIMIT);
        tree.say(&front, "type", "xenconsoled");
        tree.say(&front, "output", "pty");
        tree.say(&front, "port", self.console.port);
        tree.say(&front, "ring-ref", self.console.frame);
    }

    fn say_elsewhere(&self, tree: &mut Tree) {
        let vm = path::vm(self.uuid);
        tree.folder(&vm, Access::Shown);
        tree.say(&vm, "uuid", self.uuid);
        tree.say(&vm, "name", &self.name);
        tree.say(&vm, "start_time", self.start_time);
        // Not the guest's business: the store gives these the access of `/libxl`.
        let kept = path::kept(self.domain);
        let kind = match self.guest_type {
            GuestType::Pvh => "pvh",
            GuestType::Pv => "pv",
        };
        for (name, value) in [("type", kind), ("dm-version", "qemu_xen")] {
            tree.say(&kept, name, value);
        }
    }
}
