//! Rates that a configuration gives a guest's devices hold.

use std::thread;
use std::time::{Duration, Instant};

use lightvm::api::{DeviceStats, Wait};
use lightvm::config::{Disk, GuestOverrides, GuestType, Nic};

use crate::harness::{Chaosd, disk, native, nic};

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_disk_and_an_interface_keep_to_their_rates() {
    let chaosd = Chaosd::start();
    chaosd.network("tests", "10.93.0.1/24");

    // Ten requests a second and one of them at once: four under way are more, however slow the host.
    let made = disk(&chaosd.path("slow.img"), 1 << 20).expect("a disk");
    let rate = Some("10r/s".parse().expect("a rate"));
    let disk = made.into_iter().map(|disk| Disk { rate, ..disk }).collect();
    let words = "random count=8 depth=4 idle";
    let config =
        GuestOverrides { disk: Some(disk), ..native("blockio", GuestType::Pvh, "slow", words) };
    chaosd.create(config, Wait::None);

    // 200 packets a second; the guest sends as many as it can.
    let rate = Some("200p/s".parse().expect("a rate"));
    let nic = nic("tests").into_iter().map(|nic| Nic { rate, ..nic }).collect();
    let words = "attack=net-flood-unknown seconds=60 idle";
    let config =
        GuestOverrides { nic: Some(nic), ..native("hostile", GuestType::Pvh, "flood", words) };
    chaosd.create(config, Wait::None);

    let output = chaosd.wait_for_output("slow", "per second");
    let took = output.split("8 in ").nth(1).and_then(|rest| rest.split(' ').next());
    let took: u64 = took.and_then(|us| us.parse().ok()).expect("microseconds");
    assert!(took >= 600_000, "8 requests in {took} us");
    assert!(chaosd.client.stats("slow").expect("counters").disks[0].throttled > 0);

    let interface = || -> DeviceStats { chaosd.client.stats("flood").expect("counters").nics[0] };
    let (began, before) = (Instant::now(), interface());
    thread::sleep(Duration::from_secs(2));
    let (after, passed) = (interface(), began.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let sent = (after.out_count - before.out_count) as f64;
    assert!(sent > 0.0 && sent <= 200.0 * passed + 20.0, "{sent} packets in {passed} s");
    assert!(after.throttled > before.throttled, "{after:?}");
}
