//! What boots: images, modes, memory sizes.

use std::time::{Duration, Instant};

use lightvm::build::BuildError;
use lightvm::config::{GuestConfig, GuestOverrides, GuestType};
use lightvm::create::CreateError;
use lightvm::domain::End;
use lightvm::xen::ShutdownReason;

use crate::guests::{self, BOTH};
use crate::host::OnXen;
use crate::terminal::{PATIENCE, Terminal};

/// One line of the table that `scripts/test` shows.
fn report(image: &str, mode: &str, result: &str, since: Instant) {
    println!(
        "boots | {image:<28} | {mode:<11} | {result:<44} | {:>6} ms",
        since.elapsed().as_millis()
    );
}

fn mode(guest_type: GuestType) -> String {
    guest_type.to_string()
}

/// Runs a guest to its end; answers that and everything it printed.
fn run(host: &OnXen, config: &GuestConfig) -> (End, String) {
    let (guest, _) = host.creator.create(config).expect("created").hold();
    let mut terminal = Terminal::attach(&guest);
    guest.unpause().expect("started");
    let end = guest.wait(Some(PATIENCE)).expect("waiting").expect("an end in time");
    terminal.read_until("anything", |_| true);
    let text = terminal.text().to_owned();
    drop(terminal);
    guest.destroy().expect("destroyed");
    (end, text)
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn unikernels() {
    let host = OnXen::new();
    for guest_type in BOTH {
        for (image, cmdline, wanted) in [
            ("noop", "", ShutdownReason::Poweroff),
            ("noop", "reboot", ShutdownReason::Reboot),
            ("hello", "some words", ShutdownReason::Poweroff),
            ("panicky", "panic", ShutdownReason::Crash),
            ("panicky", "fault", ShutdownReason::Crash),
        ] {
            let since = Instant::now();
            let config = guests::config(GuestOverrides {
                cmdline: Some(cmdline.into()),
                ..guests::unikernel(image, guest_type)
            });
            let (end, _) = run(&host, &config);
            assert_eq!(end, End::Shutdown(wanted), "{image} {cmdline} as {guest_type}");
            report(&format!("{image} {cmdline}"), &mode(guest_type), &format!("{wanted:?}"), since);
        }
    }
}

/// Bytes of all regions that `hello` lists.
fn listed_memory(text: &str) -> u64 {
    let regions = text.lines().filter_map(|line| line.strip_prefix("  0x"));
    let length = |region: &str| {
        let range = region.split(' ').next().expect("a range");
        let (start, end) = range.split_once("-0x").expect("a range");
        let number = |hex| u64::from_str_radix(hex, 16).expect("a hexadecimal number");
        number(end) - number(start) + 1
    };
    regions.map(length).sum()
}

fn hello(host: &OnXen, guest_type: GuestType, memory: u64) {
    let since = Instant::now();
    let words = format!("memory={memory} \"quoted words\" ümlaut");
    let (end, text) = run(
        host,
        &guests::config(GuestOverrides {
            cmdline: Some(words.clone()),
            memory: Some(guests::size(memory)),
            ..guests::unikernel("hello", guest_type)
        }),
    );
    assert_eq!(end, End::Shutdown(ShutdownReason::Poweroff), "{text}");
    assert!(text.contains(&format!("command line: {words}\n")), "{text}");
    assert_eq!(listed_memory(&text), memory, "{text}");
    report("hello", &mode(guest_type), &format!("sees exactly {} KiB", memory >> 10), since);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn memory_sizes() {
    let host = OnXen::new();
    for guest_type in BOTH {
        for memory in [1 << 20, 4 << 20, (6 << 20) + 4096, 128 << 20] {
            if memory >= guests::unikernel_memory(guest_type) {
                hello(&host, guest_type, memory);
            }
        }
    }
}

/// The size an error names as enough is enough, and a page less is not.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_least_memory() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let with = |bytes| {
            guests::config(GuestOverrides {
                memory: Some(guests::size(bytes)),
                ..guests::unikernel("hello", guest_type)
            })
        };
        let little = match guest_type {
            GuestType::Pvh => 16 << 10,
            GuestType::Pv => 64 << 10,
        };
        let need = match host.creator.create(&with(little)) {
            Err(CreateError::Build(BuildError::TooSmall { need, .. })) => need << 10,
            other => panic!("{guest_type} in {} KiB: {other:?}", little >> 10),
        };
        hello(&host, guest_type, need);
        let less = host.creator.create(&with(need - 4096));
        assert!(
            matches!(less, Err(CreateError::Build(BuildError::TooSmall { .. }))),
            "{guest_type} in {} KiB: {less:?}",
            (need >> 10) - 4
        );
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn memory_above_four_gib() {
    const MEMORY: u64 = 4 << 30;
    const SPARE: u64 = 128 << 20;
    let host = OnXen::new();
    let free = host.xen.host().expect("the host").free_memory;
    if free < MEMORY + SPARE {
        println!(
            "passed over: the host has {} MiB free, a guest of 4 GiB does not fit",
            free >> 20
        );
        return;
    }
    for guest_type in BOTH {
        hello(&host, guest_type, MEMORY);
    }
}

/// Boots Debian's kernel to a shell that answers, and has it power off.
fn debian(suite: &str, guest_type: GuestType, vcpus: u16) {
    let host = OnXen::new();
    let since = Instant::now();
    let config = guests::config(guests::debian(suite, guest_type, vcpus));
    let (guest, _) = host.creator.create(&config).expect("created").hold();
    let created = since.elapsed();
    let mut terminal = Terminal::attach(&guest);
    guest.unpause().expect("started");
    terminal.read_until("shell", |text| text.contains("guest shell ready"));
    let result = format!("shell, {vcpus} vCPU, created in {} ms", created.as_millis());
    report(&format!("Debian {suite}"), &mode(guest_type), &result, since);
    terminal.enter("echo \"$(nproc) processors, $((6 * 7))\"; uname -r");
    terminal.read_until("answer", |text| text.contains(&format!("{vcpus} processors, 42\n")));
    terminal.enter("exit");
    let end = guest.wait(Some(PATIENCE)).expect("waiting");
    assert_eq!(end, Some(End::Shutdown(ShutdownReason::Poweroff)), "{}", terminal.text());
    drop(terminal);
    guest.destroy().expect("destroyed");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_bookworm_pvh() {
    debian("bookworm", GuestType::Pvh, 1);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_bookworm_pv() {
    debian("bookworm", GuestType::Pv, 1);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_trixie_pvh() {
    debian("trixie", GuestType::Pvh, 1);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_trixie_pv() {
    debian("trixie", GuestType::Pv, 1);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_pvh_with_two_vcpus() {
    debian("bookworm", GuestType::Pvh, 2);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_pv_with_two_vcpus() {
    debian("bookworm", GuestType::Pv, 2);
}

/// GRUB wants a store to read its configuration from, so it is loaded and not started.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn grub_loads() {
    let host = OnXen::new();
    for suite in ["bookworm", "trixie"] {
        for (name, guest_type) in
            [("grub-x86_64-xen.bin", GuestType::Pv), ("grub-i386-xen_pvh.bin", GuestType::Pvh)]
        {
            let since = Instant::now();
            let config = guests::config(GuestOverrides {
                memory: Some(guests::size(64 << 20)),
                ..guests::unikernel(&format!("debian/{suite}-{name}"), guest_type)
            });
            let loaded = host.creator.create(&config).expect("loaded");
            let info = host.xen.domain_info(loaded.domid()).expect("a domain");
            assert!(info.paused && info.cpu_time == 0, "{info:?}");
            drop(loaded);
            report(&format!("GRUB {suite}"), &mode(guest_type), "loads", since);
        }
    }
}

/// Most time a noop has between its start and its first event, however busy the machine.
const FIRST_EVENT: Duration = Duration::from_secs(30);

/// The mode is the image's own where the configuration names none.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_image_chooses_its_mode() {
    let host = OnXen::new();
    let config = guests::config(GuestOverrides {
        guest_type: None,
        ..guests::unikernel("noop", GuestType::Pvh)
    });
    let guest = host.start(&config);
    assert_eq!(guest.guest_type(), GuestType::Pvh);
    assert!(guest.wait(Some(FIRST_EVENT)).expect("waiting").is_some());
    guest.destroy().expect("destroyed");
}
