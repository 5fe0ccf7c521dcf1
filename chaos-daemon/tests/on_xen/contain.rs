//! A shard that panics over one guest goes on serving the others.

use std::path::Path;
use std::sync::atomic::Ordering;

use chaos_daemon::facade::{self, Facade};
use chaos_daemon::shard::{
    Arrival, Command, DeviceSpec, Fault, Line, Pages, Plug, Shard, Started, Status, StoreLine,
};
use chaos_daemon::{console, log, switch};
use lightvm::build::{Channel, ChannelSpec, Control};
use lightvm::config::{GuestConfig, GuestType};
use lightvm::create::Creator;
use lightvm::lifecycle::{Lifecycle, Prepared};
use lightvm::registry::Registry;
use lightvm::xen::Xen;
use tokio::sync::{oneshot, watch};

use crate::harness::{eventually, native};

/// A page on which a service comes to grief at its first look.
struct Trap;

const SPRUNG: &str = "what a guest wrote was too much";

impl noxs::SharedMemory for Trap {
    fn len(&self) -> usize {
        4096
    }
    fn read(&self, _: usize, _: &mut [u8]) {
        panic!("{SPRUNG}")
    }
    fn write(&self, _: usize, _: &[u8]) {}
    fn load(&self, _: usize, _: Ordering) -> u32 {
        panic!("{SPRUNG}")
    }
    fn store(&self, _: usize, _: u32, _: Ordering) {}
    fn swap(&self, _: usize, _: u32) -> u32 {
        panic!("{SPRUNG}")
    }
    fn fetch_or(&self, _: usize, _: u32) -> u32 {
        panic!("{SPRUNG}")
    }
}

/// What guests are made with, without a daemon.
struct Site {
    lifecycle: Lifecycle,
    consoles: console::Service,
    logs: log::Service,
    shard: Shard,
}

impl Site {
    fn open(folder: &Path) -> Site {
        let xen = Xen::open().expect("a Xen dom0");
        let registry = Registry::open(folder.join("state")).expect("the registry");
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).expect("a folder");
        let seed = switch::seeds(1).expect("a switch").remove(0);
        Site {
            lifecycle: Lifecycle::new(Creator::new(&xen), registry),
            consoles: console::Service::open(&logs, &console::Options::default())
                .expect("consoles"),
            logs: log::Service::open(&logs, &log::Options::default()).expect("logs"),
            shard: Shard::start(0, &xen, seed, folder.join("redo")).expect("a shard"),
        }
    }

    /// Builds a guest with a console, not running yet.
    fn build(&self, name: &str) -> (Prepared, Plug, console::Sink) {
        let config = GuestConfig::from_overrides(native("hello", GuestType::Pvh, name, "idle"));
        let config = config.expect("a configuration").config;
        let channel = ChannelSpec::for_guest(Control::Store, &config);
        let prepared = self.lifecycle.prepare_with(&config, &channel).expect("a guest");
        let sink = self.consoles.sink(prepared.record().uuid);
        let console = Plug {
            slot: 0,
            index: 0,
            spec: DeviceSpec::Console(sink.clone()),
            first_frame: 0,
            rings: vec![ports(&prepared).console.frame],
            offer: None,
        };
        (prepared, console, sink)
    }

    fn serve(&self, guest: &Prepared, line: Line, console: Plug) -> watch::Receiver<Status> {
        let (status, latest) = watch::channel(Status::default());
        let record = guest.record();
        let arrival = Arrival {
            uuid: record.uuid,
            domain: record.domid,
            line,
            wire: None,
            devices: vec![console],
            left: Vec::new(),
            started: Started::already(),
            book: self.logs.book(record.uuid, record.name.as_str()),
            status,
        };
        let (answer, served) = oneshot::channel();
        self.shard.send(Command::Serve(Box::new(arrival), answer));
        served.blocking_recv().expect("the shard lives").expect("served");
        latest
    }
}

/// The guest's store and console.
fn ports(guest: &Prepared) -> &Channel {
    guest.record().channel.as_ref().expect("a store")
}

/// A store whose page is a trap.
fn trap(guest: &Prepared, folder: &Path) -> Line {
    let (record, channel) = (guest.record(), ports(guest));
    let page = facade::Page { frame: 0, port: channel.port };
    let described = facade::Guest {
        domain: record.domid.0,
        uuid: record.uuid,
        name: record.name.to_string(),
        memory_kib: 4096,
        vcpus: 1,
        max_vcpus: 1,
        store: page,
        console: page,
    };
    let memory: Pages = Box::new(Trap);
    let store = Facade::create(&described, Vec::new(), memory, &folder.join("journal"));
    let line = StoreLine::new(store.expect("a store"), channel.port, channel.console.port);
    Line::Facade(Box::new(line))
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_panic_over_one_guest_leaves_its_neighbour_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Site::open(folder.path());
    let (victim, console, _) = site.build("victim");
    let status = site.serve(&victim, trap(&victim, folder.path()), console);
    let fault = Fault::Panic(SPRUNG.into());
    eventually("the reason", || (status.borrow().faults == [(0, fault.clone())]).then_some(()));
    assert_eq!(status.borrow().connected, 0);

    let (neighbour, console, printed) = site.build("neighbour");
    let line = Line::Plain { port: ports(&neighbour).console.port };
    let _status = site.serve(&neighbour, line, console);
    let (alive, _) = neighbour.start().expect("it starts");
    eventually("the neighbour's output", || {
        let said = printed.log().expect("its log");
        String::from_utf8_lossy(&said).contains("Hello from").then_some(())
    });
    for uuid in [victim.record().uuid, alive.record.uuid] {
        let (answer, left) = oneshot::channel();
        site.shard.send(Command::Leave(uuid, answer));
        left.blocking_recv().expect("the shard lives");
    }
    site.lifecycle.destroy(&alive.record).expect("destroyed");
}
