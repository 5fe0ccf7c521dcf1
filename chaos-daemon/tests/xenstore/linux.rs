//! Debian's stock kernel in the daemon's guests, served by the kernel's own netback and blkback.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use lightvm::api::{CreateRequest, GuestInfo, StopOutcome, StopRequest, Wait};
use lightvm::client::ConsoleStream;
use lightvm::config::{ControlMode, Disk, GuestConfig, GuestOverrides, GuestType, MemSize, Nic};

use crate::harness::{Chaosd, eventually, image};
use crate::host::{BRIDGE, Host, Leftovers, nic, run};

/// A Linux takes seconds to boot on an emulated host, and longer on a busy one.
const PATIENCE: Duration = Duration::from_secs(150);

/// Between two looks, which take time from the guest on a host with a processor or two.
const STEP: Duration = Duration::from_millis(100);

/// A shell in the guest, through `lvm`'s way to its console.
struct Shell {
    console: ConsoleStream,
    seen: Vec<u8>,
}

impl Shell {
    fn attach(chaosd: &Chaosd, name: &str) -> Shell {
        let console = chaosd.client.console(name, true).expect("its console");
        console.set_nonblocking(true).expect("a stream");
        Shell { console, seen: Vec::new() }
    }

    /// Waits for `text`; answers what came with it.
    fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = self.console.read(&mut chunk) {
                self.seen.extend_from_slice(&chunk[..n]);
            }
            let seen = String::from_utf8_lossy(&self.seen).into_owned();
            if let Some(at) = seen.find(text) {
                self.seen = seen.as_bytes()[at + text.len()..].to_vec();
                return seen[..at].to_owned();
            }
            assert!(Instant::now() < end, "{text:?} is not in {seen:?}");
            sleep(STEP);
        }
    }

    /// What `command` prints.
    fn run(&mut self, command: &str) -> String {
        /// A viewer is shown what earlier ones saw first: each command ends in its own words.
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The terminal shows what is typed; the word is not in it.
        let line = format!("{command}; echo do''ne {number}: $?\n");
        self.console.write_all(line.as_bytes()).expect("typed");
        let printed = self.wait_for(&format!("done {number}: "));
        let status = self.wait_for("\n");
        assert_eq!(status.trim(), "0", "{command}: {printed}");
        printed
    }
}

/// The release of Debian that dom0 is.
fn suite() -> String {
    let os = fs::read_to_string("/etc/os-release").expect("a release");
    let code = os.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    code.expect("its name").to_owned()
}

fn linux(name: &str, guest_type: GuestType, host: &Host) -> GuestOverrides {
    GuestOverrides {
        name: Some(name.parse().expect("a name")),
        control: Some(ControlMode::XenStore),
        kernel: Some(image(&format!("debian/{}-vmlinuz", suite()))),
        ramdisk: Some(image(&format!("debian/{}-shell.cpio", suite()))),
        guest_type: Some(guest_type),
        cmdline: Some("console=hvc0 quiet net.ifnames=0".to_owned()),
        memory: Some(MemSize::from_mib(192).expect("a size")),
        nic: Some(vec![nic()]),
        disk: Some(vec![host.disk(&format!("{name}.img"))]),
        ..Default::default()
    }
}

/// Brings the guest up to where its devices can be used, and it can be asked to power off.
fn prepare(shell: &mut Shell, address: &str) {
    shell.wait_for("guest shell ready");
    shell.run("for driver in /lib/drivers/*.ko; do insmod $driver; done");
    shell.run("until [ -b /dev/xvda -a -d /sys/class/net/eth0 ]; do usleep 100000; done");
    shell.run(&format!("ip addr add {address}/24 dev eth0 && ip link set eth0 up"));
    shell.run("mkdir /sbin && printf '#!/bin/sh\\nexec /bin/poweroff -f\\n' >/sbin/poweroff");
    shell.run("chmod +x /sbin/poweroff");
}

/// The guest reaches the host and the host the guest.
fn check_network(shell: &mut Shell, address: &str) {
    run("ping", &["-c", "3", "-i", "0.2", "-w", "30", address]);
    run("ping", &["-c", "2", "-i", "0.2", "-s", "1400", "-w", "30", address]);
    let listener = TcpListener::bind("10.19.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let received = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the guest connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("all of it");
        all
    });
    shell.run(&format!("dd if=/dev/zero bs=1000 count=500 2>/dev/null | nc 10.19.0.1 {port}"));
    assert_eq!(received.join().expect("received").len(), 500_000);
}

/// Bytes that are written to a disk.
const WRITTEN: usize = 256 << 10;

/// What the guest writes is in the file.
fn check_disk(shell: &mut Shell, device: &str, path: &Path) {
    shell.run(&format!(
        "yes lightvm | dd of=/dev/{device} bs=64k count=4 iflag=fullblock conv=fsync 2>&1"
    ));
    let written = fs::read(path).expect("the disk");
    let wanted = b"lightvm\n".repeat(WRITTEN / 8);
    assert!(written[..WRITTEN] == wanted[..], "what the guest wrote to {device}");
}

fn power_off(chaosd: &Chaosd, name: &str) {
    let how = StopRequest { timeout_ms: Some(60_000), force: false };
    let answer = chaosd.client.poweroff(name, &how).expect("it powers off when asked");
    assert_eq!(answer.outcome, StopOutcome::Destroyed);
}

/// Types `typed` into `xl console` and waits until it shows `wanted`. What is typed counts
/// only at a terminal, which `script` is.
fn check_xl_console(name: &str, typed: &str, wanted: &str) {
    let limit = PATIENCE.as_secs().to_string();
    let mut viewer = Command::new("timeout")
        .args([&limit, "script", "-qec", &format!("xl console {name}"), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("xl");
    viewer.stdin.as_mut().expect("its keys").write_all(typed.as_bytes()).expect("typed");
    let (mut shown, mut seen) = (viewer.stdout.take().expect("its screen"), String::new());
    let mut chunk = [0; 1024];
    while !seen.contains(wanted) {
        match shown.read(&mut chunk).expect("what it shows") {
            0 => panic!("xl console showed {seen:?}"),
            n => seen.push_str(&String::from_utf8_lossy(&chunk[..n])),
        }
    }
    run("kill", &[&viewer.id().to_string()]);
    viewer.wait().expect("waited for");
}

/// For whoever waits, and for whoever reads why it failed.
fn report(began: Instant, what: &str) {
    eprintln!("{:6.1} s: {what}", began.elapsed().as_secs_f32());
}

/// Makes the guest and waits for its devices, which its shell has to bring up first.
fn boot(chaosd: &Chaosd, guest: GuestOverrides, address: &str) -> Shell {
    let began = Instant::now();
    let name = guest.name.clone().expect("a name").to_string();
    let config = GuestConfig::from_overrides(guest).expect("a configuration").config;
    let timeout_ms = PATIENCE.as_millis().try_into().ok();
    let request = CreateRequest { config, wait: Wait::Ready, timeout_ms, paused: false };
    thread::scope(|scope| {
        let made = scope.spawn(|| chaosd.client.create(&request).expect("its devices connect"));
        let there = || made.is_finished() || chaosd.info(&name).is_some();
        while !there() {
            sleep(STEP);
        }
        report(began, &format!("{name} is built"));
        let mut shell = Shell::attach(chaosd, &name);
        prepare(&mut shell, address);
        made.join().expect("it is ready");
        report(began, &format!("{name} is up, its devices are connected"));
        shell
    })
}

/// `xl console` works once nobody watches through the daemon.
fn check_xl_console_of(guest: &GuestInfo) {
    let lock = format!("/var/lock/xenconsole.{}", guest.summary.domid);
    let nobody =
        || eventually("nobody at its console", || (!Path::new(&lock).exists()).then_some(()));
    nobody();
    check_xl_console(guest.summary.name.as_str(), "echo seen by $((40+2))\n", "seen by 42");
    nobody();
}

/// Linux sees a disk and an interface come and go.
fn check_hotplug(chaosd: &Chaosd, name: &str, shell: &mut Shell, second: &Disk) {
    let disk = second.path.to_string_lossy();
    chaosd.lvm(&["block-attach", name, &disk]);
    shell.run("until [ -b /dev/xvdb ]; do usleep 100000; done");
    check_disk(shell, "xvdb", &second.path);
    chaosd.lvm(&["block-detach", name, "xvdb"]);
    shell.run("while [ -b /dev/xvdb ]; do usleep 100000; done");
    chaosd.lvm(&["net-attach", name, &format!("bridge={BRIDGE}")]);
    shell.run("until [ -d /sys/class/net/eth1 ]; do usleep 100000; done");
    chaosd.lvm(&["net-detach", name, "1"]);
    shell.run("while [ -d /sys/class/net/eth1 ]; do usleep 100000; done");
}

/// PVH and PV with one daemon, which unpacks their kernel once.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_uses_all_that_comes_and_goes() {
    const PVH: &str = "10.19.0.2";
    const PV: &str = "10.19.0.3";
    let host = Host::new();
    let mut chaosd = Chaosd::start();
    let (before, began) = (Leftovers::now(), Instant::now());
    let mut shell = boot(&chaosd, linux("pvh", GuestType::Pvh, &host), PVH);
    check_network(&mut shell, PVH);
    check_disk(&mut shell, "xvda", &host.folder.path().join("pvh.img"));
    report(began, "PVH uses its network and its disk");
    let limited = Nic { rate: Some("250KB/s".parse().expect("a rate")), ..nic() };
    let pv = GuestOverrides { nic: Some(vec![limited]), ..linux("pv", GuestType::Pv, &host) };
    let mut pv = boot(&chaosd, pv, PV);
    let since = Instant::now();
    check_network(&mut pv, PV);
    assert!(
        since.elapsed() > Duration::from_secs(1),
        "500 KB at 250 KB/s in {:?}",
        since.elapsed()
    );
    check_disk(&mut pv, "xvda", &host.folder.path().join("pv.img"));
    report(began, "PV uses its network, as fast as it may, and its disk");
    drop(pv);
    power_off(&chaosd, "pv");
    report(began, "PV has powered off");

    let info = chaosd.info("pvh").expect("it lives");
    let (nic, disk) = (&info.nics[0], &info.disks[0]);
    assert!(nic.connected && nic.stats.in_count > 3, "{nic:?}");
    assert!(disk.connected && disk.stats.out_bytes >= WRITTEN as u64, "{disk:?}");
    assert_eq!(info.console_viewers, 1);
    drop(shell);
    check_xl_console_of(&info);
    report(began, "xl console shows it");
    chaosd.kill_and_restart();
    let mut shell = Shell::attach(&chaosd, "pvh");
    check_hotplug(&chaosd, "pvh", &mut shell, &host.disk("second.img"));
    report(began, "a disk and an interface came and went, with another daemon");
    drop(shell);
    power_off(&chaosd, "pvh");
    report(began, "PVH has powered off");
    assert_eq!(Leftovers::now(), before);
}
