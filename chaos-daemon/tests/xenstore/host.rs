//! The host the tests run on, and what they compare before and after.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use chaos_daemon::xenstore::{Guest, XenStore, XenStoreError};
use lightvm::build::{ChannelSpec, Control};
use lightvm::config::{Disk, GuestConfig, GuestOverrides, MemSize, Nic};
use lightvm::create::Creator;
use lightvm::lifecycle::{self, Lifecycle, Prepared};
use lightvm::registry::Registry;
use lightvm::xen::Xen;
use tempfile::TempDir;

/// The bridge of the tests, with an address of the host.
pub(crate) const BRIDGE: &str = "xsbr0";
const ADDRESS: &str = "10.19.0.1/24";

pub(crate) struct Host {
    pub(crate) xen: Arc<Xen>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) store: XenStore,
    pub(crate) folder: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        run("modprobe", &["-a", "loop", "bridge", "xen-netback", "xen-blkback"]);
        if !PathBuf::from("/sys/class/net").join(BRIDGE).exists() {
            run("ip", &["link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"]);
            run("ip", &["addr", "add", ADDRESS, "dev", BRIDGE]);
            run("ip", &["link", "set", BRIDGE, "up"]);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let xen: Arc<Xen> = Xen::open().expect("Xen");
        let registry = Registry::open(folder.path()).expect("a registry");
        let lifecycle = Lifecycle::new(Creator::new(&xen), registry);
        let store = XenStore::open().expect("xenstored");
        Host { xen, lifecycle, store, folder }
    }

    /// A disk of 16 MiB.
    pub(crate) fn disk(&self, name: &str) -> Disk {
        let path = self.folder.path().join(name);
        let file = std::fs::File::create(&path).expect("a file");
        file.set_len(16 << 20).expect("its length");
        Disk::new(path)
    }

    /// Builds a guest that the store does not know yet.
    pub(crate) fn prepare(&self, config: &GuestConfig) -> Prepared {
        let channel = ChannelSpec::for_guest(Control::Store, config);
        self.lifecycle.prepare_with(config, &channel).expect("prepared")
    }

    /// Makes it known to the store, with its devices.
    pub(crate) fn add(&self, prepared: &Prepared) -> Result<(), XenStoreError> {
        let (record, config) = (prepared.record(), &prepared.record().config);
        let guest = Guest::of(record).expect("a guest with a ring");
        self.store.add(&self.xen, &guest, config.nics(), config.disks())
    }

    /// Starts a guest that the store knows.
    pub(crate) fn start(&self, config: &GuestConfig) -> lifecycle::Guest {
        let prepared = self.prepare(config);
        self.add(&prepared).expect("added");
        prepared.start().expect("started").0
    }

    /// Ends it and takes it out of the store.
    pub(crate) fn end(&self, guest: &lifecycle::Guest) {
        self.lifecycle.destroy(&guest.record).expect("destroyed");
        self.store.remove(&self.xen, guest.record.domid, guest.record.uuid).expect("removed");
    }
}

/// Everything that a guest in XenStore mode could leave behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leftovers {
    entries: String,
    loops: String,
    links: String,
}

impl Leftovers {
    pub(crate) fn now() -> Self {
        Leftovers {
            entries: run("xenstore-ls", &["-fp"]),
            loops: run("losetup", &["-a"]),
            links: run("ls", &["/sys/class/net"]),
        }
    }
}

/// A guest that idles.
pub(crate) fn idle(nics: Vec<Nic>, disks: Vec<Disk>) -> GuestConfig {
    config(GuestOverrides {
        kernel: Some(built("guests/noop")),
        cmdline: Some("idle".to_owned()),
        memory: Some(MemSize::from_mib(4).expect("a size")),
        nic: Some(nics),
        disk: Some(disks),
        ..Default::default()
    })
}

pub(crate) fn config(overrides: GuestOverrides) -> GuestConfig {
    GuestConfig::from_overrides(overrides).expect("a guest").config
}

/// An interface on the tests' bridge.
pub(crate) fn nic() -> Nic {
    Nic { bridge: Some(BRIDGE.to_owned()), ..Nic::default() }
}

/// A file under `target`, seen from `target/debug/deps/xenstore-…`.
pub(crate) fn built(name: &str) -> PathBuf {
    let program = env::current_exe().expect("the path of this program");
    let path = program.ancestors().nth(3).expect("the target folder").join(name);
    assert!(path.exists(), "{} is missing; scripts/test makes it", path.display());
    path
}

/// What a program of the host prints.
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect(program);
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
