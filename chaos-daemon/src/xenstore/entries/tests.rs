//! Properties of every guest's entries.

use std::collections::HashMap;

use lightvm::config::GuestType;
use lightvm::xen::DomId;
use macaddr::MacAddr6;
use proptest::prelude::*;
use uuid::Uuid;

use super::path::{self, Device};
use super::*;

prop_compose! {
    fn any_guest()(
        domain in 1..0x7ff0_u16,
        uuid in any::<u128>(),
        name in "[A-Za-z][A-Za-z0-9._-]{0,30}",
        pv in any::<bool>(),
        memory in 128..1_u64 << 30,
        (vcpus, more) in (1..64_u16, 0..64_u16),
        (store, console) in (any::<u32>(), any::<u32>()),
        start_time in any::<u32>(),
    ) -> Guest {
        let ring = |frame: u32, port| Ring { frame: frame.into(), port };
        Guest {
            domain: DomId(domain),
            uuid: Uuid::from_u128(uuid),
            name,
            guest_type: if pv { GuestType::Pv } else { GuestType::Pvh },
            memory_kib: memory,
            max_memory_kib: memory * 2,
            vcpus,
            max_vcpus: vcpus + more,
            store: ring(store, 1),
            console: ring(console, 2),
            start_time: start_time.into(),
        }
    }
}

prop_compose! {
    fn any_nic()(mac in any::<[u8; 6]>(), mtu in 68..9000_u16, rate in any::<Option<u64>>()) -> Nic {
        Nic { mac: MacAddr6::from(mac), bridge: "xenbr0".to_owned(), mtu, bytes_per_s: rate }
    }
}

prop_compose! {
    fn any_disk()(flags in any::<[bool; 3]>()) -> Disk {
        let [writable, removable, discard] = flags;
        let path = "/srv/a disk.img".to_owned();
        Disk { name: "xvda".to_owned(), path, writable, removable, discard }
    }
}

fn everything(guest: &Guest, nics: &[Nic], disks: &[Disk]) -> Tree {
    let mut tree = guest.tree();
    for (number, each) in (0..).zip(nics) {
        tree.append(nic(Device::nic(guest.domain, number), each));
    }
    for (number, each) in (51712..).step_by(16).zip(disks) {
        tree.append(disk(Device::disk(guest.domain, number), each));
    }
    tree
}

/// Each entry's access, as xenstored gives it: its own or that of the nearest entry above.
fn accesses(tree: &Tree) -> HashMap<&str, Option<Access>> {
    let mut known: HashMap<&str, Option<Access>> = HashMap::new();
    for entry in tree.entries() {
        let above = || {
            let parents = entry.path.match_indices('/').rev().map(|(at, _)| &entry.path[..at]);
            parents.filter_map(|parent| known.get(parent).copied()).next().flatten()
        };
        let access = entry.access.or_else(above);
        known.insert(&entry.path, access);
    }
    known
}

proptest! {
    #[test]
    fn paths_are_valid_and_each_is_said_once(
        guest in any_guest(),
        nics in proptest::collection::vec(any_nic(), 0..4),
        disks in proptest::collection::vec(any_disk(), 0..4),
    ) {
        let tree = everything(&guest, &nics, &disks);
        let mut seen = std::collections::HashSet::new();
        for entry in tree.entries() {
            // `is_valid_nodename` of xenstored, and what one message holds.
            let valid = |c: char| c.is_ascii_alphanumeric() || "-/_".contains(c);
            prop_assert!(entry.path.starts_with('/') && entry.path.chars().all(valid));
            prop_assert!(!entry.path.ends_with('/') && !entry.path.contains("//"));
            prop_assert!(!entry.value.contains('\0') && entry.path.len() + entry.value.len() < 4000);
            prop_assert!(seen.insert(&entry.path), "{} twice", entry.path);
        }
    }

    #[test]
    fn all_of_it_is_under_what_goes_at_the_end(
        guest in any_guest(),
        nics in proptest::collection::vec(any_nic(), 0..4),
        disks in proptest::collection::vec(any_disk(), 0..4),
    ) {
        let roots = path::roots(guest.domain, guest.uuid);
        for entry in everything(&guest, &nics, &disks).entries() {
            let covered = roots.iter().any(|root| {
                entry.path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            prop_assert!(covered, "{} would stay", entry.path);
        }
    }

    #[test]
    fn a_guest_writes_only_what_is_its_own(
        guest in any_guest(),
        nic in any_nic(),
        disk in any_disk(),
    ) {
        let tree = everything(&guest, &[nic], &[disk]);
        let own = format!("{}/", path::home(guest.domain));
        for (path, access) in accesses(&tree) {
            if matches!(access, Some(Access::Shared | Access::Private)) {
                let below = path.strip_prefix(&own);
                prop_assert!(below.is_some(), "{path} is the guest's");
                let below = below.unwrap_or_default();
                let allowed = ["control/", "device/", "attr", "data", "drivers", "error"];
                prop_assert!(allowed.iter().any(|prefix| below.starts_with(prefix)), "{below}");
            }
            if path.starts_with("/libxl") {
                prop_assert_eq!(access, None, "{} is nobody's but the host's", path);
            }
        }
    }

    #[test]
    fn both_ends_of_a_device_know_each_other_and_state_comes_last(
        domain in 1..0x7ff0_u16,
        number in 0..1000_u32,
        nic in any_nic(),
        disk in any_disk(),
    ) {
        let domain = DomId(domain);
        let trees = [
            (Device::nic(domain, number), super::nic(Device::nic(domain, number), &nic)),
            (Device::disk(domain, number), super::disk(Device::disk(domain, number), &disk)),
        ];
        for (device, tree) in trees {
            let value = |path: String| {
                tree.entries().iter().find(|e| e.path == path).map(|e| e.value.clone())
            };
            prop_assert_eq!(value(format!("{}/backend", device.front())), Some(device.back()));
            prop_assert_eq!(value(format!("{}/frontend", device.back())), Some(device.front()));
            prop_assert_eq!(value(format!("{}/backend", device.kept())), Some(device.back()));
            for end in [device.front(), device.back()] {
                let below = format!("{end}/");
                let last = tree.entries().iter().rfind(|e| e.path.starts_with(&below));
                prop_assert_eq!(last.map(|e| e.path.clone()), Some(format!("{below}state")));
            }
            // A running guest looks at the back end once the front end's state is there.
            let place = |path: String| tree.entries().iter().position(|e| e.path == path);
            let online = place(format!("{}/online", device.back()));
            let state = place(format!("{}/state", device.front()));
            prop_assert!(online < state);
            // The kernel looks at the front end once the back end's state is there.
            let last = tree.entries().last().map(|e| e.path.clone());
            prop_assert_eq!(last, Some(format!("{}/state", device.back())));
        }
    }
}

#[test]
fn permissions_as_the_store_writes_them() {
    let guest = DomId(7);
    assert_eq!(Access::Shown.permissions(guest), ["n0", "r7"]);
    assert_eq!(Access::Shared.permissions(guest), ["n7", "r0"]);
    assert_eq!(Access::Private.permissions(guest), ["n7"]);
}

#[test]
fn a_rate_is_bytes_and_microseconds() {
    let limited = Nic {
        mac: MacAddr6::new(0, 0x16, 0x3e, 0xA, 0xB, 0xC),
        bridge: "lan".to_owned(),
        mtu: 1500,
        bytes_per_s: Some(10_000_000),
    };
    let tree = nic(Device::nic(DomId(3), 0), &limited);
    let value =
        |path: &str| tree.entries().iter().find(|e| e.path == path).map(|e| e.value.as_str());
    assert_eq!(value("/local/domain/0/backend/vif/3/0/rate"), Some("500000,50000"));
    assert_eq!(value("/local/domain/3/device/vif/0/mac"), Some("00:16:3e:0a:0b:0c"));
}
