//! What is in the store while guests live, and that nothing is when they are gone.

use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use chaos_daemon::xenstore::entries::path::Device;
use chaos_daemon::xenstore::{Guest, watch_ends};
use lightvm::build::{ChannelSpec, Control};
use lightvm::config::{Disk, Nic};

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

/// `LIGHTVM_ROUNDS`, or few enough for a test that is run often.
fn rounds() -> u32 {
    std::env::var("LIGHTVM_ROUNDS").map_or(60, |text| text.parse().expect("a number of rounds"))
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn many_guests_leave_the_store_as_it_was() {
    let rounds = rounds();
    /// Every so many rounds the guest has devices.
    const WITH_DEVICES: u32 = 50;
    let host = Host::new();
    let (plain, rich) = (idle(vec![], vec![]), idle(vec![nic()], vec![host.disk("a.img")]));
    let before = Leftovers::now();
    let since = Instant::now();
    for round in 0..rounds {
        let config = if round % WITH_DEVICES == 0 { &rich } else { &plain };
        host.end(&host.start(config));
    }
    let each = since.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
    assert_eq!(Leftovers::now(), before);
    println!("xenstore | {rounds} guests created and destroyed | {each:.1} ms each");
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
        let config = idle(nics, disks);
        let channel = ChannelSpec::for_guest(Control::Store, &config);
        let prepared = host.lifecycle.prepare_with(&config, &channel).expect("prepared");
        let guest = Guest::of(prepared.record()).expect("a guest with a ring");
        let error = host.store.add(&guest, config.nics(), config.disks()).expect_err(says);
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
    host.store.remove(guest.record.domid, guest.record.uuid).expect("removed");
    assert_eq!(Leftovers::now(), before);
}
