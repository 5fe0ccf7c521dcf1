//! Debian's stock kernel, served by the kernel's own netback and blkback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use chaos_daemon::xenstore::guest::Ask;
use lightvm::config::{GuestOverrides, GuestType, MemSize};
use lightvm::domain::End;
use lightvm::xen::ShutdownReason;

use crate::host::{Host, Leftovers, built, config, nic};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_on_kernel_back_ends_pvh() {
    debian(GuestType::Pvh);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_on_kernel_back_ends_pv() {
    debian(GuestType::Pv);
}

/// Console, network and disk work, and a request to power off is followed.
fn debian(guest_type: GuestType) {
    let host = Host::new();
    let before = Leftovers::now();
    let guest = host.start(&config(GuestOverrides {
        kernel: Some(built("guests/debian/bookworm-vmlinuz")),
        ramdisk: Some(built("bench/linux-bookworm.cpio")),
        guest_type: Some(guest_type),
        cmdline: Some("console=hvc0 quiet BENCH_IP=10.19.0.2/24".to_owned()),
        memory: Some(MemSize::from_mib(256).expect("a size")),
        nic: Some(vec![nic()]),
        disk: Some(vec![host.disk("linux.img")]),
        ..Default::default()
    }));
    await_service();
    assert_eq!(ask("sink 4\n", b"1234"), "ok\n");
    assert_eq!(ask("disk write sequential 4096 64 4\n", b""), "ok\n");
    let image = std::fs::read(host.folder.path().join("linux.img")).expect("the disk");
    assert!(image[..64 * 4096].iter().all(|&byte| byte == 0x5a), "what the guest wrote");
    let name = guest.record.name.as_str();
    let shown = [1, 4, 16].map(Duration::from_secs).into_iter().any(|time| {
        // On a busy host `xl` needs its time to start.
        console(name, time).contains("bench guest ready")
    });
    assert!(shown, "xl console shows nothing");
    host.store.ask(guest.record.domid, Ask::Poweroff).expect("asked");
    let end = guest.running.wait(Some(PATIENCE)).expect("waiting");
    assert_eq!(end, Some(End::Shutdown(ShutdownReason::Poweroff)));
    host.end(&guest);
    assert_eq!(Leftovers::now(), before);
}

fn connect() -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&([10, 19, 0, 2], 7000).into(), Duration::from_secs(1))
}

fn await_service() {
    let end = Instant::now() + PATIENCE;
    while let Err(error) = connect() {
        assert!(Instant::now() < end, "the guest does not answer: {error}");
        sleep(Duration::from_millis(200));
    }
}

fn ask(command: &str, data: &[u8]) -> String {
    let mut guest = connect().expect("connected");
    guest.set_read_timeout(Some(PATIENCE)).expect("a limit");
    guest.write_all(command.as_bytes()).expect("sent");
    guest.write_all(data).expect("sent");
    let mut answer = String::new();
    guest.read_to_string(&mut answer).expect("an answer");
    answer
}

/// What `xl console` shows within `time`.
fn console(name: &str, time: Duration) -> String {
    let mut viewer = Command::new("xl")
        .args(["console", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("xl");
    sleep(time);
    viewer.kill().expect("killed");
    let output = viewer.wait_with_output().expect("its output");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
