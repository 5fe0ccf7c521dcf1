//! Devices that come and go while native guests run and use them.

use lightvm::api::Wait;
use lightvm::config::{GuestOverrides, GuestType, Nic};

use crate::harness::{Chaosd, address, assert_ready, disk, eventually, native, nic, run};

/// Waits until the guest has written a log record.
fn wait_for_record(chaosd: &Chaosd, name: &str, text: &str, times: usize) {
    eventually(text, || {
        let records = chaosd.client.records(name).expect("records").records;
        let count = records.iter().filter(|record| record.text == text).count();
        (count >= times).then_some(())
    });
}

fn attach_nic(chaosd: &Chaosd, name: &str, network: &str) -> (u8, String) {
    let nic = Nic { network: Some(network.into()), ..Nic::default() };
    let info = chaosd.client.attach_nic(name, &nic).expect("attached");
    (info.index, info.nic.addresses.first().expect("an address").addr().to_string())
}

/// Until every buffer has been used twice: they are mapped then, and the guest gets them back only
/// if the daemon lets go of them when a device goes.
fn ping(address: &str) {
    run(&format!("ping -q -c 150 -i 0.002 -w 20 {address}"));
}

/// The second time a device stands where another has been, with rings that were used.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn echo_answers_on_interfaces_that_come_and_go() {
    let chaosd = Chaosd::start();
    chaosd.network("tests", "10.93.0.1/24");
    chaosd.network("more", "10.94.0.1/24");
    let config = GuestOverrides {
        nic: Some(nic("tests")),
        hotplug_slots: Some(2),
        ..native("echo", GuestType::Pvh, "e", "")
    };
    let guest = chaosd.create(config, Wait::Ready);
    assert_ready(&guest);
    let first = address(&guest);
    for time in 1..=2 {
        let (index, second) = attach_nic(&chaosd, "e", "more");
        wait_for_record(&chaosd, "e", "echo uses net device 1", time);
        ping(&second);
        ping(&first);
        chaosd.client.detach_nic("e", index, false).expect("the guest lets go");
        wait_for_record(&chaosd, "e", "echo left net device 1", time);
        ping(&first);
    }
    // The one it was born with goes, without being asked for; the other answers.
    let (_, second) = attach_nic(&chaosd, "e", "more");
    wait_for_record(&chaosd, "e", "echo uses net device 1", 3);
    chaosd.client.detach_nic("e", 0, true).expect("taken away");
    wait_for_record(&chaosd, "e", "echo left net device 0", 1);
    ping(&second);
    let reported = || chaosd.info("e").is_some_and(|info| address(&info.summary) == second);
    eventually("a report of the address it has now", || reported().then_some(()));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn blockio_goes_on_with_the_next_disk() {
    let chaosd = Chaosd::start();
    let disks = |name: &str| disk(&chaosd.path(name), 2 << 20).expect("a disk");
    let config = GuestOverrides {
        disk: Some(disks("first")),
        hotplug_slots: Some(1),
        ..native("blockio", GuestType::Pvh, "b", "verify idle")
    };
    chaosd.create(config, Wait::None);
    chaosd.wait_for_output("b", "blockio: done");
    for (index, name) in [(0, "second"), (1, "third")] {
        let info = chaosd.client.attach_disk("b", &disks(name)[0]).expect("attached");
        assert_eq!(info.index, 1 - index);
        chaosd.client.detach_disk("b", index, false).expect("the guest lets go");
        eventually("the disk's test", || {
            let done = chaosd.output("b").matches("blockio: done").count();
            (done == 2 + usize::from(index)).then_some(())
        });
        let bytes = std::fs::read(chaosd.path(name)).expect("the file");
        assert!(bytes.chunks(4096).all(|page| page.iter().any(|&byte| byte != 0)), "{name}");
    }
}
