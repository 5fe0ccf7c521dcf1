//! Debian as it is, on a disk: it finds a XenStore, and none runs on the host.
//!
//! Each way of booting is tried once, with all that is to be seen in it, two guests at a
//! time: one daemon serves both, and its death is felt by both.

use std::fs;
use std::path::Path;
use std::time::Instant;

use lightvm::api::{NetworkSpec, Uplink};
use lightvm::config::GuestType;

use crate::debian::{Debian, NUMBERS, Start, Writes};
use crate::harness::{Chaosd, eventually, run};
use crate::leaks::Host;
use crate::restart::Talk;

/// Daemons killed under each pair of guests.
const KILLS: u32 = 5;

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_boots_as_it_is_with_network_and_disk() {
    let mut chaosd = Chaosd::start();
    assert!(!Path::new("/run/xenstored/socket").exists(), "no XenStore runs here");
    network(&chaosd);
    let before = Host::of(&chaosd);
    let began = Instant::now();
    let report = |what: &str| println!("{:5.1} s: {what}", began.elapsed().as_secs_f32());

    let [pvh, pv] = [GuestType::Pvh, GuestType::Pv].map(|kind| {
        let name = format!("{kind}-kernel");
        Debian::start(&chaosd, &name, Start::Kernel(kind))
    });
    let [pvh, pv] = live(&mut chaosd, [pvh, pv], &report);
    reboots(&chaosd, &pvh.guest);
    ends(&chaosd, &pv, &report);

    let grub = [GuestType::Pv, GuestType::Pvh].map(|kind| {
        let name = format!("{kind}-grub");
        Debian::start(&chaosd, &name, Start::Grub(kind))
    });
    pvh.guest.log_in(&chaosd, 2);
    assert_eq!(pvh.guest.run(&format!("cat {NUMBERS}")), counted(pvh.numbers).trim());
    report("pvh-kernel has booted again and has what it wrote");
    ends(&chaosd, &pvh, &report);
    for lived in live(&mut chaosd, grub, &report) {
        ends(&chaosd, &lived, &report);
    }
    eventually("the host as it was", || (Host::of(&chaosd) == before).then_some(()));
}

/// A network whose daemon answers DHCP.
fn network(chaosd: &Chaosd) {
    let spec = NetworkSpec {
        name: "debian".into(),
        uplink: Uplink::Routed { nat: true },
        subnet4: Some("10.93.0.1/24".parse().expect("a subnet")),
        subnet6: None,
        dhcp: true,
        mtu: None,
    };
    chaosd.client.create_network(&spec).expect("a network");
}

/// A guest that has shown what it can do, and how many numbers it has on its disk.
struct Lived {
    guest: Debian,
    numbers: u64,
}

fn live(chaosd: &mut Chaosd, guests: [Debian; 2], report: &dyn Fn(&str)) -> [Lived; 2] {
    for guest in &guests {
        guest.log_in(chaosd, 1);
        report(&format!("{}: logged in on its console", guest.name));
        finds_itself(chaosd, guest);
        keeps_what_it_writes(guest);
    }
    let work: Vec<_> =
        guests.iter().map(|guest| (Talk::start(&guest.address), Writes::start(guest))).collect();
    for _ in 0..KILLS {
        let before: Vec<_> = work.iter().map(|(t, w)| (t.echoed(), w.acknowledged())).collect();
        for ((talk, writes), (echoed, acknowledged)) in work.iter().zip(before) {
            eventually("an echo and a write", || {
                (talk.echoed() > echoed && writes.acknowledged() > acknowledged).then_some(())
            });
        }
        chaosd.kill_and_restart();
    }
    report(&format!("{KILLS} daemons killed"));
    let mut work = work.into_iter();
    guests.map(|guest| {
        let (talk, writes) = work.next().expect("one for each");
        let echoed = talk.echoed();
        eventually("an echo", || (talk.echoed() > echoed).then_some(()));
        talk.end();
        let numbers = writes.end(&guest);
        report(&format!("{}: {echoed} echoes on one connection, {numbers} writes", guest.name));
        Lived { guest, numbers }
    })
}

/// Its console, its address and its disk are those it was given.
fn finds_itself(chaosd: &Chaosd, guest: &Debian) {
    let own = guest.run("ip -4 -o addr show dev eth0");
    assert!(own.contains(&format!("inet {}/24", guest.address)), "{own}");
    assert!(own.contains("dynamic"), "not by DHCP: {own}");
    let mac = guest.run("cat /sys/class/net/eth0/address");
    let info = chaosd.info(&guest.name).expect("a guest");
    let given = info.nics[0].nic.mac.expect("its network gave it an address");
    assert_eq!(mac, given.to_string().to_lowercase());
    assert_eq!(guest.run("cat /sys/block/xvda/ro /sys/hypervisor/type"), "0\nxen");
}

fn keeps_what_it_writes(guest: &Debian) {
    let sums = guest.run(
        "dd if=/dev/urandom of=/root/data bs=1M count=8 2>/dev/null && sync && \
         md5sum </root/data && echo 3 >/proc/sys/vm/drop_caches && md5sum </root/data",
    );
    let sums: Vec<&str> = sums.lines().collect();
    assert_eq!(sums.len(), 2, "{sums:?}");
    assert_eq!(sums[0], sums[1]);
}

/// It is asked to, does so, and another domain is built for it.
fn reboots(chaosd: &Chaosd, guest: &Debian) {
    let before = chaosd.info(&guest.name).expect("a guest").summary.domid;
    let said = chaosd.lvm(&["reboot", "--timeout", "120", &guest.name]);
    assert!(said.contains("stopped and runs again"), "{said}");
    assert_ne!(chaosd.info(&guest.name).expect("a guest").summary.domid, before);
}

/// It is asked to, powers off, and leaves a clean file system with all it wrote.
fn ends(chaosd: &Chaosd, lived: &Lived, report: &dyn Fn(&str)) {
    let Lived { guest, numbers } = lived;
    let said = chaosd.lvm(&["shutdown", "--timeout", "120", &guest.name]);
    assert!(said.contains("stopped and is destroyed"), "{said}");
    assert!(chaosd.info(&guest.name).is_none(), "{} is still there", guest.name);
    let features = run(&format!("debugfs -R features {} 2>/dev/null", guest.disk.display()));
    assert!(features.contains("has_journal"), "{features}");
    assert!(!features.contains("needs_recovery"), "it was not unmounted: {features}");
    assert_eq!(guest.file(NUMBERS), counted(*numbers), "{}", guest.name);
    fs::remove_file(&guest.disk).expect("removed");
    report(&format!("{} has powered off, its file system is clean", guest.name));
}

/// The numbers up to `last`, a line for each.
fn counted(last: u64) -> String {
    (1..=last).map(|number| format!("{number}\n")).collect()
}
