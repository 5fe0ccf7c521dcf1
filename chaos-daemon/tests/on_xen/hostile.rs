//! Every attack of the guest `hostile`, while a neighbour serves pings: the host stays up,
//! the attacker is limited or disconnected with a reason, the neighbour goes on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lightvm::api::{GuestInfo, Stats, Wait};
use lightvm::config::{ControlMode, GuestOverrides, GuestType};

use crate::harness::{Chaosd, PATIENCE, address, assert_ready, disk, native, nic, run};

use Reaction::{Any, Counts, Disconnects, Ends, Nothing};

/// What the host makes of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// Nothing at all: what was attacked is the guest's own business.
    Nothing,
    /// Counts what is wrong or drops it, and goes on.
    Counts,
    /// Disconnects the device, with a reason that has this in it.
    Disconnects(&'static str),
    /// The guest ends by it.
    Ends,
    /// Depends on who is faster: any of the above.
    Any,
}

/// Attacks on devices and the noxs page.
const ATTACKS: &[(&str, Reaction)] = &[
    ("net-tx-wild-index", Disconnects("ring")),
    ("net-tx-index-back", Disconnects("ring")),
    ("net-tx-over-full", Disconnects("ring")),
    ("net-tx-responses", Any),
    ("net-tx-events", Nothing),
    ("net-tx-wild-id", Nothing),
    ("net-tx-too-long", Counts),
    ("net-tx-over-the-page", Counts),
    ("net-tx-too-short", Counts),
    ("net-tx-chain-lies", Counts),
    ("net-tx-chain-endless", Any),
    ("net-tx-chain-cut", Any),
    ("net-tx-extra-wild", Any),
    ("net-tx-extra-endless", Any),
    ("net-tx-gso-lies", Counts),
    ("net-tx-csum-lies", Any),
    ("net-tx-bad-grant", Counts),
    ("net-tx-foreign-frame", Counts),
    ("net-tx-grant-vanishes", Any),
    ("net-tx-rewrite", Any),
    ("net-rx-wild-index", Disconnects("ring")),
    ("net-rx-responses", Any),
    ("net-rx-bad-grant", Counts),
    ("net-rx-read-only", Counts),
    ("net-rx-same-buffer", Any),
    ("net-rx-no-buffer", Any),
    ("net-flood-broadcast", Any),
    ("net-flood-multicast", Any),
    ("net-flood-unknown", Any),
    ("net-spoof-mac", Counts),
    ("net-spoof-many-macs", Counts),
    ("net-spoof-ip", Counts),
    ("net-spoof-arp", Counts),
    ("net-spoof-nd", Counts),
    ("block-wild-index", Disconnects("ring")),
    ("block-responses", Any),
    ("block-wild-sector", Counts),
    ("block-wild-segments", Counts),
    ("block-wild-range", Counts),
    ("block-wild-operation", Counts),
    ("block-bad-grant", Counts),
    ("block-read-only-grant", Counts),
    ("block-grant-vanishes", Any),
    ("block-same-id", Nothing),
    ("block-flush-storm", Nothing),
    ("block-discard-wild", Counts),
    ("block-indirect-wild", Counts),
    ("block-indirect-itself", Any),
    ("block-indirect-rewrite", Any),
    ("block-rewrite", Any),
    ("console-out-wild", Any),
    ("console-consumed-lies", Any),
    ("console-in-wild", Any),
    ("console-flood", Any),
    ("page-header", Any),
    ("page-table", Any),
    ("page-identity", Any),
    ("page-everything", Any),
    ("page-frames", Any),
    ("page-features", Any),
    ("page-states", Any),
    ("page-acknowledge", Any),
    ("page-doorbells", Any),
    ("page-asleep", Any),
    ("log-wild", Any),
    ("log-records", Any),
    ("log-consumed", Any),
    ("log-flood", Any),
    ("call-storm", Nothing),
    ("call-xen-console", Nothing),
    ("event-storm", Any),
    ("event-guess", Any),
    ("event-hoard", Nothing),
    ("event-close", Any),
    ("memory-rings", Any),
    ("memory-page", Any),
    ("grant-version", Any),
    ("end-wild", Ends),
    ("end-watchdog", Ends),
];

/// Attacks on the store of an unmodified guest.
const STORE_ATTACKS: &[&str] = &[
    "store-index",
    "store-long",
    "store-half",
    "store-kinds",
    "store-paths",
    "store-nodes",
    "store-watches",
    "store-transactions",
    "store-values",
    "store-deep",
    "store-deaf",
];

/// Attackers at a time.
const AT_ONCE: usize = 4;

/// Pings a neighbour until it is dropped.
struct Pinger {
    process: Child,
}

impl Pinger {
    fn start(address: &str) -> Pinger {
        let process = Command::new("ping")
            .args(["-q", "-i", "0.05", address])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ping");
        Pinger { process }
    }

    /// Percent of answers that did not come.
    fn lost(self) -> f64 {
        run(&format!("kill -INT {}", self.process.id()));
        let output = self.process.wait_with_output().expect("ping ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{}", text.trim());
        let words: Vec<&str> = text.split_whitespace().collect();
        let lost = words.iter().find_map(|word| word.strip_suffix('%')).expect("ping's summary");
        lost.parse().expect("a number")
    }
}

fn attacker(chaosd: &Chaosd, attack: &str, guest_type: GuestType, control: ControlMode) {
    let words = format!("attack={attack} idle");
    let config = GuestOverrides {
        nic: Some(nic("tests")),
        disk: Some(disk(&chaosd.path(&format!("{attack}.img")), 1 << 20).expect("a disk")),
        control: Some(control),
        ..native("hostile", guest_type, attack, &words)
    };
    chaosd.create(config, Wait::None);
}

/// What is left of an attacker when it is through with its attack.
fn aftermath(chaosd: &Chaosd, attack: &str) -> Option<(GuestInfo, Stats)> {
    let end = Instant::now() + PATIENCE;
    loop {
        let info = chaosd.info(attack)?;
        let fault = info.nics.iter().any(|nic| nic.fault.is_some())
            || info.disks.iter().any(|disk| disk.fault.is_some());
        if fault || chaosd.output(attack).contains("no attacks left") || Instant::now() > end {
            // What the host does about the last of it may still be under way.
            std::thread::sleep(Duration::from_millis(100));
            let info = chaosd.info(attack)?;
            return Some((info, chaosd.client.stats(attack).unwrap_or_default()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reasons for which devices were disconnected.
fn faults(info: &GuestInfo) -> Vec<&str> {
    let nics = info.nics.iter().filter_map(|nic| nic.fault.as_deref());
    nics.chain(info.disks.iter().filter_map(|disk| disk.fault.as_deref())).collect()
}

/// Requests that were wrong or dropped.
fn counted(stats: &Stats) -> u64 {
    let devices = stats.nics.iter().chain(&stats.disks);
    devices.map(|device| device.errors + device.out_dropped + device.in_dropped).sum()
}

/// Whether the host did what it should.
fn check(attack: &str, expected: Reaction, after: Option<&(GuestInfo, Stats)>) -> bool {
    let Some((info, stats)) = after else {
        println!("{attack:24} ended");
        return matches!(expected, Ends | Any);
    };
    let (faults, counted) = (faults(info), counted(stats));
    println!("{attack:24} {counted:6} counted, disconnected: {faults:?}");
    match expected {
        Nothing => faults.is_empty(),
        Counts => faults.is_empty() && counted > 0,
        Disconnects(reason) => faults.iter().any(|fault| fault.contains(reason)),
        Ends => false,
        Any => true,
    }
}

fn attack_all(chaosd: &Chaosd, attacks: &[(&str, Reaction)], control: ControlMode) -> Vec<String> {
    let mut wrong = Vec::new();
    for batch in attacks.chunks(AT_ONCE) {
        for (number, (attack, _)) in batch.iter().enumerate() {
            let guest_type = [GuestType::Pvh, GuestType::Pv][number % 2];
            attacker(chaosd, attack, guest_type, control);
        }
        for (attack, expected) in batch {
            let after = aftermath(chaosd, attack);
            if !check(attack, *expected, after.as_ref()) {
                wrong.push(format!("{attack}: not {expected:?}"));
            }
            if after.is_some() {
                chaosd.client.destroy(attack).expect("an attacker can be destroyed");
            }
        }
    }
    wrong
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_neighbour_outlives_every_attack() {
    let mut chaosd = Chaosd::start();
    chaosd.network("tests", "10.93.0.1/24");
    let config = GuestOverrides {
        nic: Some(nic("tests")),
        ..native("echo", GuestType::Pvh, "neighbour", "")
    };
    let neighbour = chaosd.create(config, Wait::Ready);
    assert_ready(&neighbour);
    let address = address(&neighbour);
    let pinger = Pinger::start(&address);

    let mut wrong = attack_all(&chaosd, ATTACKS, ControlMode::Noxs);
    let store: Vec<_> = STORE_ATTACKS.iter().map(|attack| (*attack, Any)).collect();
    wrong.extend(attack_all(&chaosd, &store, ControlMode::Facade));

    let lost = pinger.lost();
    assert!(chaosd.is_alive(), "the daemon has died");
    run(&format!("ping -c 5 -i 0.1 -w 5 {address}"));
    assert!(lost < 5.0, "{lost} % of the neighbour's answers were lost");
    let guests = chaosd.client.guests().expect("a list");
    assert_eq!(guests.len(), 1, "somebody is left: {guests:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
