//! What is in the store while guests live, and that nothing is when they are gone.

use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use chaos_daemon::xenstore::entries::path::Device;
use chaos_daemon::xenstore::watch_ends;
use lightvm::config::{Disk, GuestConfig, Nic};

use crate::host::{Host, Leftovers, idle, nic, run};

#[test]
#[ignore = "needs Xen: scripts/test"]
fn xl_sees_a_guest_and_nothing_is_left_of_it() {
    let host = Host::new();
    let before = Leftovers::now();
    let guest = host.start(&idle(vec![nic()], vec![host.disk("a.img")]));
    let (name, domid) = (guest.record.name.to_string(), guest.record.domid);
    let listed = run("xl", &["list", &name]);
    assert!(listed.contains(&format!("{name} ")), "{listed}");
    assert_eq!(run("xl", &["domname", &domid.to_string()]).trim(), name);
    let nics = run("xl", &["network-list", &name]);
    assert!(nics.contains(&format!("/local/domain/0/backend/vif/{domid}/0")), "{nics}");
    let disks = run("xl", &["block-list", &name]);
    assert!(disks.contains("51712"), "{disks}");
    host.end(&guest);
    assert_eq!(Leftovers::now(), before);
}

/// `LIGHTVM_ROUNDS`, or few enough for a test that is run often; `scripts/soak` has more.
fn rounds() -> u32 {
    std::env::var("LIGHTVM_ROUNDS").map_or(20, |text| text.parse().expect("a number of rounds"))
}

/// What each step of a round took, of all rounds.
#[derive(Default)]
struct Laps([Duration; 5]);

impl Laps {
    const STEPS: [&str; 5] = ["build", "add to the store", "start", "destroy", "remove from it"];

    /// Creates a guest and destroys it.
    fn round(&mut self, host: &Host, config: &GuestConfig) {
        let mut since = Instant::now();
        let mut steps = self.0.iter_mut();
        let mut lap = || {
            let now = Instant::now();
            *steps.next().expect("as many as there are") += now - since;
            since = now;
        };
        let prepared = host.prepare(config);
        lap();
        host.add(&prepared).expect("added");
        lap();
        let guest = prepared.start().expect("started").0;
        lap();
        host.lifecycle.destroy(&guest.record).expect("destroyed");
        lap();
        host.store.remove(&host.xen, guest.record.domid, guest.record.uuid).expect("removed");
        lap();
    }

    fn print(&self, rounds: u32) {
        let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(rounds);
        println!("xenstore | {rounds} guests created and destroyed, ms each");
        for (step, time) in Self::STEPS.iter().zip(self.0) {
            println!("xenstore | {step:<16} | {:8.2}", each(time));
        }
        println!("xenstore | {:<16} | {:8.2}", "all", each(self.0.iter().sum()));
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn many_guests_leave_the_store_as_it_was() {
    /// Every so many rounds the guest has devices.
    const WITH_DEVICES: u32 = 10;
    let rounds = rounds();
    let host = Host::new();
    let (plain, rich) = (idle(vec![], vec![]), idle(vec![nic()], vec![host.disk("a.img")]));
    let before = Leftovers::now();
    let (mut without, mut with) = (Laps::default(), Laps::default());
    let rich_rounds = rounds.div_ceil(WITH_DEVICES);
    for round in 0..rounds {
        match round % WITH_DEVICES {
            0 => with.round(&host, &rich),
            _ => without.round(&host, &plain),
        }
    }
    assert_eq!(Leftovers::now(), before);
    without.print(rounds - rich_rounds);
    println!("xenstore | with an interface and a disk:");
    with.print(rich_rounds);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_that_cannot_be_connected_leaves_nothing() {
    let host = Host::new();
    let before = Leftovers::now();
    let no_bridge = Nic { bridge: Some("nobridge0".to_owned()), ..Nic::default() };
    let no_file = Disk::new("/nowhere/disk.img");
    for (nics, disks, says) in [
        (vec![no_bridge], vec![], "there is no bridge `nobridge0`"),
        (vec![nic()], vec![no_file], "cannot open /nowhere/disk.img"),
        (vec![], vec![Disk::new("/dev/null")], "neither a file nor a block device"),
    ] {
        let prepared = host.prepare(&idle(nics, disks));
        let error = host.add(&prepared).expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
        drop(prepared);
        assert_eq!(Leftovers::now(), before, "{says}");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn devices_come_and_go_and_two_disks_are_two() {
    let host = Host::new();
    let before = Leftovers::now();
    let guest = host.start(&idle(vec![], vec![host.disk("a.img")]));
    let domain = guest.record.domid;
    let second = Disk { vdev: Some("xvdb".parse().expect("a name")), ..host.disk("b.img") };
    let with_one = Leftovers::now();
    host.store.attach_disk(domain, &second).expect("attached");
    let twice = host.store.attach_disk(domain, &second).expect_err("there already").to_string();
    assert!(twice.contains("has a device"), "{twice}");
    let disks = run("losetup", &["-a"]);
    assert!(disks.contains("a.img") && disks.contains("b.img"), "{disks}");
    let device = Device::disk(domain, second.device().number());
    host.store.detach(device, true).expect("detached");
    let gone = host.store.detach(device, true).expect_err("gone").to_string();
    assert!(gone.contains("has no device"), "{gone}");
    assert_eq!(Leftovers::now(), with_one);
    host.end(&guest);
    assert_eq!(Leftovers::now(), before);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn xenstored_tells_of_ends_and_xl_destroys_what_it_did_not_make() {
    let host = Host::new();
    let before = Leftovers::now();
    let (ended, ends) = mpsc::channel();
    let tell = move || _ = ended.send(());
    watch_ends(tell).expect("watching");
    ends.recv_timeout(Duration::from_secs(5)).expect("the first event comes at once");
    let guest = host.start(&idle(vec![nic()], vec![host.disk("a.img")]));
    while ends.try_recv().is_ok() {}
    let status = Command::new("xl").args(["destroy", guest.record.name.as_str()]).status();
    assert!(status.expect("xl").success());
    ends.recv_timeout(Duration::from_secs(5)).expect("the guest's end");
    host.store.remove(&host.xen, guest.record.domid, guest.record.uuid).expect("removed");
    assert_eq!(Leftovers::now(), before);
}
