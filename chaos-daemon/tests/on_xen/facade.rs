//! Debian as it is, on a disk: it finds a XenStore, and none runs on the host.
//!
//! A test for each way of booting, with all that is to be seen in it. One guest at a time:
//! an emulated host has no processor for a second one.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use lightvm::api::{NetworkSpec, Uplink};
use lightvm::config::GuestType;

use crate::debian::{Debian, NUMBERS, Start, Writes, wait};
use crate::harness::{Chaosd, run};
use crate::leaks::Host;
use crate::restart::Talk;

/// Daemons killed under each guest that is up.
const KILLS: u32 = 3;
/// Seconds it may take to shut down; it takes three on a host with a processor of its own.
const SHUTDOWN: &str = "300";

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_boots_from_its_kernel_as_pvh_and_again() {
    let mut test = Test::start(Start::Kernel(GuestType::Pvh));
    let numbers = test.lives();
    test.reboots(numbers);
    test.ends(numbers);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_boots_from_its_kernel_as_pv() {
    let mut test = Test::start(Start::Kernel(GuestType::Pv));
    let numbers = test.lives();
    test.ends(numbers);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_boots_from_pv_grub() {
    let mut test = Test::start(Start::Grub(GuestType::Pv));
    test.outlives_a_daemon_while_it_loads();
    let numbers = test.lives();
    test.ends(numbers);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_boots_from_pvh_grub() {
    let mut test = Test::start(Start::Grub(GuestType::Pvh));
    test.outlives_a_daemon_while_it_loads();
    let numbers = test.lives();
    test.ends(numbers);
}

/// One Debian in a network with DHCP, and its daemon.
struct Test {
    chaosd: Chaosd,
    guest: Debian,
    /// The host before there was a guest.
    before: Host,
    began: Instant,
}

impl Test {
    fn start(start: Start) -> Test {
        let chaosd = Chaosd::start();
        assert!(!Path::new("/run/xenstored/socket").exists(), "no XenStore runs here");
        network(&chaosd);
        let (before, began) = (Host::of(&chaosd), Instant::now());
        let guest = Debian::start(&chaosd, "debian", start);
        let test = Test { chaosd, guest, before, began };
        test.report("created");
        test
    }

    /// For whoever waits, and for whoever reads why it failed.
    fn report(&self, what: &str) {
        eprintln!("{:6.1} s: {what}", self.began.elapsed().as_secs_f32());
    }

    /// The boot loader reads a page at a time and waits for each; the daemon dies meanwhile.
    fn outlives_a_daemon_while_it_loads(&mut self) {
        self.guest.reads(&self.chaosd, 300);
        self.report("the boot loader loads");
        self.chaosd.kill_and_restart();
    }

    /// Shows all there is to be seen of a guest that is up. Answers how many numbers it
    /// has written to its disk.
    fn lives(&mut self) -> u64 {
        self.guest.log_in(&self.chaosd, 0);
        self.report("logged in on its console");
        self.finds_itself();
        keeps_what_it_writes(&self.guest);
        self.report("has its address, its interface and its disk");
        let (talk, writes) = (Talk::start(&self.guest.address), Writes::start(&self.guest));
        for _ in 0..KILLS {
            goes_on(&talk, &writes);
            self.chaosd.kill_and_restart();
        }
        goes_on(&talk, &writes);
        let echoed = talk.echoed();
        talk.end();
        let numbers = writes.end(&self.guest);
        self.report(&format!(
            "{KILLS} daemons killed: {echoed} echoes on one connection, {numbers} writes"
        ));
        numbers
    }

    /// Its address and its disk are those it was given.
    fn finds_itself(&self) {
        let own = self.guest.run("ip -4 -o addr show dev eth0");
        assert!(own.contains(&format!("inet {}/24", self.guest.address)), "{own}");
        assert!(own.contains("dynamic"), "not by DHCP: {own}");
        let mac = self.guest.run("cat /sys/class/net/eth0/address");
        let info = self.chaosd.info(&self.guest.name).expect("a guest");
        let given = info.nics[0].nic.mac.expect("its network gave it an address");
        assert_eq!(mac, given.to_string().to_lowercase());
        assert_eq!(self.guest.run("cat /sys/block/xvda/ro /sys/hypervisor/type"), "0\nxen");
    }

    /// It is asked to, does so, and another domain with its name and its disk comes up.
    fn reboots(&self, numbers: u64) {
        let domid = || self.chaosd.info(&self.guest.name).expect("a guest").summary.domid;
        let (before, printed) = (domid(), self.guest.printed(&self.chaosd));
        let said = self.chaosd.lvm(&["reboot", "--timeout", SHUTDOWN, &self.guest.name]);
        assert!(said.contains("stopped and runs again"), "{said}");
        assert_ne!(domid(), before);
        self.report("built again");
        self.guest.log_in(&self.chaosd, printed);
        assert_eq!(self.guest.run(&format!("cat {NUMBERS}")), counted(numbers).trim());
        self.report("logged in again, it has what it wrote");
    }

    /// It is asked to, powers off, leaves a clean file system with all it wrote, and
    /// nothing on the host.
    fn ends(self, numbers: u64) {
        let (chaosd, guest) = (&self.chaosd, &self.guest);
        let said = chaosd.lvm(&["shutdown", "--timeout", SHUTDOWN, &guest.name]);
        assert!(said.contains("stopped and is destroyed"), "{said}");
        assert!(chaosd.info(&guest.name).is_none(), "{} is still there", guest.name);
        let features = run(&format!("debugfs -R features {} 2>/dev/null", guest.disk.display()));
        assert!(features.contains("has_journal"), "{features}");
        assert!(!features.contains("needs_recovery"), "it was not unmounted: {features}");
        assert_eq!(guest.file(NUMBERS), counted(numbers));
        self.report("powered off, its file system is clean");
        let end = Instant::now() + Duration::from_secs(60);
        while Host::of(chaosd) != self.before && Instant::now() < end {
            thread::sleep(Duration::from_millis(250));
        }
        assert_eq!(Host::of(chaosd), self.before);
    }
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

fn keeps_what_it_writes(guest: &Debian) {
    let sums = guest.run(
        "dd if=/dev/urandom of=/root/data bs=1M count=8 2>/dev/null && sync && \
         md5sum </root/data && echo 3 >/proc/sys/vm/drop_caches && md5sum </root/data",
    );
    let sums: Vec<&str> = sums.lines().collect();
    assert_eq!(sums.len(), 2, "{sums:?}");
    assert_eq!(sums[0], sums[1]);
}

/// Another echo, another write.
fn goes_on(talk: &Talk, writes: &Writes) {
    let (echoed, written) = (talk.echoed(), writes.acknowledged());
    wait("an echo and a write", Duration::from_secs(240), || {
        talk.echoed() > echoed && writes.acknowledged() > written
    });
}

/// The numbers up to `last`, a line for each.
fn counted(last: u64) -> String {
    (1..=last).map(|number| format!("{number}\n")).collect()
}
