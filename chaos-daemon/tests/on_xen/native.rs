//! Guests that speak noxs: hello-c, echo, daytime, blockio.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::Duration;

use lightvm::api::{CreateRequest, NetworkSpec, StopRequest, Uplink, Wait};
use lightvm::config::{ControlMode, GuestConfig, GuestOverrides, GuestType, MemSize};
use lightvm::xen::Xen;

use crate::harness::{Chaosd, address, assert_ready, disk, eventually, native, nic, run};

const BOTH: [GuestType; 2] = [GuestType::Pvh, GuestType::Pv];
const SECOND: Duration = Duration::from_secs(1);

/// Connects, with all waits limited.
fn connect(address: &str, port: u16) -> TcpStream {
    let stream = TcpStream::connect((address, port)).expect("connected");
    stream.set_read_timeout(Some(10 * SECOND)).expect("a limit");
    stream
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn echo_answers_outlives_the_daemon_and_ends_when_asked() {
    let mut chaosd = Chaosd::start();
    chaosd.network("tests", "10.91.0.1/24");
    for guest_type in BOTH {
        let name = format!("echo-{guest_type}");
        let config =
            GuestOverrides { nic: Some(nic("tests")), ..native("echo", guest_type, &name, "") };
        let guest = chaosd.create(config, Wait::Ready);
        assert_ready(&guest);
        let address = address(&guest);
        run(&format!("ping -c 3 -i 0.2 -w 10 {address}"));
        run(&format!("ping -c 2 -i 0.2 -s 1400 -w 10 {address}"));
        let before = mapped(&chaosd, GRANTS);
        assert!(before < BUFFERS / 2, "{before} pages are mapped after few packets");
        use_every_buffer(&chaosd, &address);
        echo_over_tcp(&address);
        echo_over_udp(&address);
        let records = chaosd.client.records(&name).expect("records").records;
        let text = format!("echo is up, my address is {address}");
        assert!(records.iter().any(|record| record.text == text), "{records:?}");
        chaosd.kill_and_restart();
        assert_eq!(mapped(&chaosd, GRANTS), 0);
        use_every_buffer(&chaosd, &address);
        let how = StopRequest { timeout_ms: Some(10_000), force: false };
        chaosd.client.poweroff(&name, &how).expect("it ends when asked");
        chaosd.wait_until_gone(&name);
        eventually("no page of it is mapped", || (mapped(&chaosd, GRANTS) == 0).then_some(()));
        let domains = || Xen::open().expect("a Xen dom0").domains().expect("its domains");
        let is_gone = || domains().iter().all(|domain| domain.domid.0 != guest.domid);
        eventually("nothing of its domain is left", || is_gone().then_some(()));
    }
}

/// Pages in which `echo` receives packets.
const BUFFERS: usize = 64;

/// The daemon keeps the buffers of packets mapped when they are used again.
fn use_every_buffer(chaosd: &Chaosd, address: &str) {
    run(&format!("ping -q -c 200 -i 0.002 -w 20 {address}"));
    let mapped = mapped(chaosd, GRANTS);
    assert!((BUFFERS..=2 * BUFFERS).contains(&mapped), "{mapped} pages are mapped");
}

/// Over IPv6, in packets that take two buffers each on their way to the guest.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn echo_speaks_ipv6_and_takes_long_packets() {
    let chaosd = Chaosd::start();
    let spec = NetworkSpec {
        name: "six".into(),
        uplink: Uplink::Routed { nat: false },
        subnet4: None,
        subnet6: Some("fd00:91::1/64".parse().expect("a subnet")),
        dhcp: false,
        mtu: Some(9000),
    };
    chaosd.client.create_network(&spec).expect("a network");
    for guest_type in BOTH {
        let name = format!("six-{guest_type}");
        let config =
            GuestOverrides { nic: Some(nic("six")), ..native("echo", guest_type, &name, "") };
        let guest = chaosd.create(config, Wait::Ready);
        let address = guest.addresses.iter().find(|address| address.is_ipv6());
        let address = address.expect("an IPv6 address").to_string();
        run(&format!("ping -6 -c 3 -i 0.2 -w 20 {address}"));
        run(&format!("ping -6 -c 2 -i 0.2 -s 1400 -w 10 {address}"));
        let before = chaosd.client.stats(&name).expect("stats").nics[0];
        echo_over_tcp(&address);
        let after = chaosd.client.stats(&name).expect("stats").nics[0];
        assert_eq!(after.errors, before.errors, "{after:?}");
    }
}

pub(crate) fn echo_over_tcp(address: &str) {
    let mut stream = connect(address, 7);
    let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let mut writer = stream.try_clone().expect("a second handle");
    let copy = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&copy).expect("written");
        writer.shutdown(Shutdown::Write).expect("closed");
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("all of it");
    writing.join().expect("written");
    assert!(received == sent, "{} of {} bytes came back", received.len(), sent.len());
}

fn echo_over_udp(address: &str) {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.set_read_timeout(Some(5 * SECOND)).expect("a limit");
    socket.connect((address, 7)).expect("connected");
    socket.send(b"datagram").expect("sent");
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).expect("an answer");
    assert_eq!(&buffer[..length], b"datagram");
}

/// In the least memory it promises to run in, and with a right clock.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn daytime_tells_the_time_in_two_mebibytes() {
    let chaosd = Chaosd::start();
    chaosd.network("tests", "10.92.0.1/24");
    for guest_type in BOTH {
        let config = GuestOverrides {
            nic: Some(nic("tests")),
            memory: MemSize::from_kib(2 << 10).ok(),
            ..native("daytime", guest_type, &format!("daytime-{guest_type}"), "")
        };
        let guest = chaosd.create(config, Wait::Ready);
        for _ in 0..3 {
            let before: i64 = run("date +%s").trim().parse().expect("seconds");
            let mut text = String::new();
            connect(&address(&guest), 13).read_to_string(&mut text).expect("the time");
            let told = run(&format!("date -d '{}' +%s", text.trim()));
            let told: i64 = told.trim().parse().expect("seconds");
            assert!((told - before).abs() <= 3, "{text:?} is {told}, it was {before}");
        }
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn blockio_finds_what_it_wrote() {
    const SIZE: u64 = 8 << 20;
    let chaosd = Chaosd::start();
    for guest_type in BOTH {
        let name = format!("blockio-{guest_type}");
        let path = chaosd.path(&name);
        let config = GuestOverrides {
            disk: Some(disk(&path, SIZE).expect("a disk")),
            ..native("blockio", guest_type, &name, "verify discard records count=100 check idle")
        };
        chaosd.create(config, Wait::None);
        let output = chaosd.wait_for_output(&name, "blockio: done");
        for line in ["verified 8192 KiB, seed 1", "acknowledged 100", "checked 100 records"] {
            assert!(output.contains(line), "{line:?} is not in {output:?}");
        }
        chaosd.client.destroy(&name).expect("destroyed");
        // Record 100 stands at its place in the file itself.
        let bytes = std::fs::read(&path).expect("the file");
        assert!(bytes[100 * 4096..101 * 4096].chunks(8).all(|word| word == 100_u64.to_le_bytes()));
    }
}

/// A disk that cannot be written to is one.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn blockio_is_refused_writing_to_a_read_only_disk() {
    let chaosd = Chaosd::start();
    let mut disks = disk(&chaosd.path("disk"), 1 << 20).expect("a disk");
    disks[0].writable = false;
    let words = "records count=8";
    let config = GuestOverrides {
        disk: Some(disks),
        ..native("blockio", GuestType::Pvh, "readonly", words)
    };
    chaosd.create(config, Wait::None);
    chaosd.wait_until_gone("readonly");
    let bytes = std::fs::read(chaosd.path("disk")).expect("the file");
    assert!(bytes.iter().all(|&byte| byte == 0), "something was written");
}

/// Greets on a console that it never takes into use, in the log and in its report.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_in_c_greets_and_ends_when_asked() {
    let chaosd = Chaosd::start();
    for guest_type in BOTH {
        let name = format!("c-{guest_type}");
        assert_ready(&chaosd.create(native("hello-c", guest_type, &name, ""), Wait::Ready));
        let greeting = format!("hello, I am up, my name is {name}");
        let output = chaosd.wait_for_output(&name, "\r\n");
        assert_eq!(output, format!("{greeting}\r\n"));
        let records = chaosd.client.records(&name).expect("records").records;
        let texts: Vec<_> = records.iter().map(|record| &record.text).collect();
        assert_eq!(texts, [&greeting]);
        let how = StopRequest { timeout_ms: Some(10_000), force: false };
        chaosd.client.poweroff(&name, &how).expect("it ends when asked");
        chaosd.wait_until_gone(&name);
    }
}

/// Where guests' memory is mapped from: by frame, and by grant.
const FRAMES: &str = "/dev/xen/privcmd";
const GRANTS: &str = "/dev/xen/gntdev";

/// Pieces of guests' memory that the daemon has mapped from a device.
fn mapped(chaosd: &Chaosd, from: &str) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", chaosd.pid())).expect("its maps");
    maps.lines().filter(|line| line.ends_with(from)).count()
}

/// `hello` knows nothing of pages: it prints and raises an event.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_console_is_served_from_birth_and_mapped_when_used() {
    let chaosd = Chaosd::start();
    for guest_type in BOTH {
        let name = format!("hello-{guest_type}");
        let config = GuestOverrides {
            control: Some(ControlMode::Noxs),
            ..native("hello", guest_type, &name, "from birth idle")
        };
        let config = GuestConfig::from_overrides(config).expect("a configuration").config;
        let request = CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: true };
        chaosd.client.create(&request).expect("a guest");
        let (pages, events) =
            (mapped(&chaosd, FRAMES), chaosd.client.stats(&name).expect("stats").events);
        // It has not run: the event of binding its port is none of its own.
        assert_eq!(events, 0);
        chaosd.client.unpause(&name).expect("it runs");
        let output = chaosd.wait_for_output(&name, "KiB of memory\r\n");
        assert!(output.starts_with("Hello from a "), "{output:?}");
        assert_eq!(mapped(&chaosd, FRAMES) - pages, 1, "pages for the console's ring");
        chaosd.client.destroy(&name).expect("destroyed");
    }
}
