//! The registry against the real list of domains.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::time::SystemTime;

use lightvm::config::{GuestConfig, GuestName, GuestType};
use lightvm::domain::Running;
use lightvm::registry::{Record, Registry, RegistryError, Selector};
use tempfile::TempDir;
use uuid::Uuid;

use crate::guests;
use crate::host::OnXen;

pub(crate) fn name(text: &str) -> GuestName {
    text.parse().expect("a name")
}

pub(crate) fn record(name: GuestName, guest: &Running, config: &GuestConfig) -> Record {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    Record {
        name,
        uuid: guest.uuid(),
        domid: guest.domid(),
        guest_type: guest.guest_type(),
        console: guest.console_ring(),
        channel: None,
        created: since_1970.as_secs(),
        config: config.clone(),
    }
}

/// Files of a registry, without the folders.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for sub in ["guests", "names"] {
        for entry in fs::read_dir(dir.join(sub)).expect("a registry") {
            files.push(entry.expect("a file").file_name().to_string_lossy().into_owned());
        }
    }
    files.sort();
    files
}

/// A registry of its own, and a guest to write down.
struct Desk {
    registry: Registry,
    dir: TempDir,
    config: GuestConfig,
    // Last: nothing may be open any more when it looks.
    host: OnXen,
}

impl Desk {
    fn new() -> Desk {
        let host = OnXen::new();
        let dir = tempfile::tempdir().expect("a folder");
        let registry = Registry::open(dir.path()).expect("a registry");
        Desk { host, dir, registry, config: guests::idle(GuestType::Pvh) }
    }

    fn guest(&self) -> Running {
        self.host.start(&self.config)
    }

    fn register(&self, text: &str) -> (Running, Record) {
        let guest = self.guest();
        let record = record(name(text), &guest, &self.config);
        self.registry.add(&self.host.xen, &record).expect("registered");
        (guest, record)
    }

    fn found(&self, selector: &str) -> Option<Uuid> {
        match self.registry.find(&self.host.xen, &Selector::from(selector)) {
            Ok(entry) => Some(entry.info.uuid),
            Err(RegistryError::NotFound(text)) => {
                assert_eq!(text, selector);
                None
            }
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_is_found_by_name_uuid_and_number() {
    let desk = Desk::new();
    let (guest, record) = desk.register("web");
    for selector in ["web".to_owned(), guest.uuid().to_string(), guest.domid().to_string()] {
        let entry = desk.registry.find(&desk.host.xen, &Selector::from(selector.as_str()));
        let entry = entry.unwrap_or_else(|e| panic!("{selector}: {e}"));
        assert_eq!(entry.record.as_ref(), Some(&record), "{selector}");
        assert_eq!(entry.info.domid, guest.domid());
    }
    assert_eq!(desk.found("we"), None);
    assert_eq!(desk.found("../guests/web"), None);
    assert_eq!(desk.found("0"), Some(Uuid::nil()), "dom0 is there and not written down");
    desk.registry.remove(&record);
    guest.destroy().expect("destroyed");
    assert_eq!(files(desk.dir.path()), Vec::<String>::new());
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn what_a_crash_leaves_is_cleaned_up_by_who_finds_it() {
    let desk = Desk::new();
    for look in ["name", "uuid", "list"] {
        let (guest, record) = desk.register("stale");
        let uuid = guest.uuid().to_string();
        guest.destroy().expect("destroyed behind the registry's back");
        assert_eq!(files(desk.dir.path()).len(), 2);
        match look {
            "name" => assert_eq!(desk.found("stale"), None),
            "uuid" => assert_eq!(desk.found(&uuid), None),
            _ => {
                let list = desk.registry.list(&desk.host.xen).expect("a list");
                assert!(list.iter().all(|entry| entry.record.as_ref() != Some(&record)));
            }
        }
        assert_eq!(files(desk.dir.path()), Vec::<String>::new(), "by {look}");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_dead_guests_name_is_free() {
    let desk = Desk::new();
    let (first, _) = desk.register("phoenix");
    first.destroy().expect("destroyed behind the registry's back");
    let (second, record) = desk.register("phoenix");
    assert_eq!(desk.found("phoenix"), Some(second.uuid()));
    assert_eq!(files(desk.dir.path()), [format!("{}.json", second.uuid()), "phoenix".into()]);
    desk.registry.remove(&record);
    second.destroy().expect("destroyed");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn renaming_takes_and_frees_a_name() {
    let desk = Desk::new();
    let (one, first) = desk.register("one");
    let (two, second) = desk.register("two");
    let taken = desk.registry.rename(&desk.host.xen, &first, name("two")).expect_err("taken");
    assert!(
        matches!(&taken, RegistryError::NameTaken { domid, .. } if *domid == two.domid()),
        "{taken}"
    );
    let renamed = desk.registry.rename(&desk.host.xen, &first, name("three")).expect("renamed");
    assert_eq!((desk.found("one"), desk.found("three")), (None, Some(one.uuid())));
    two.destroy().expect("destroyed behind the registry's back");
    let renamed = desk.registry.rename(&desk.host.xen, &renamed, name("two")).expect("free now");
    assert_eq!((desk.found("three"), desk.found("two")), (None, Some(one.uuid())));
    desk.registry.remove(&second);
    assert_eq!(desk.found("two"), Some(one.uuid()), "the name is somebody else's by now");
    desk.registry.remove(&renamed);
    one.destroy().expect("destroyed");
    assert_eq!(files(desk.dir.path()), Vec::<String>::new());
}

/// Many want one name at the same moment, while a dead guest still has it: one gets
/// it, the others are told who.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn one_winner_per_name() {
    const CREATORS: usize = 8;
    const ROUNDS: usize = 40;
    let desk = Desk::new();
    let guests: Vec<Running> = (0..CREATORS).map(|_| desk.guest()).collect();
    for round in 0..ROUNDS {
        let (dead, _) = desk.register("prize");
        dead.destroy().expect("destroyed behind the registry's back");
        let start = Barrier::new(CREATORS);
        let race = |guest: &Running| {
            let record = record(name("prize"), guest, &desk.config);
            start.wait();
            (desk.registry.add(&desk.host.xen, &record), record)
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let race = &race;
            let runners: Vec<_> = guests.iter().map(|g| scope.spawn(move || race(g))).collect();
            runners.into_iter().map(|runner| runner.join().expect("no panic")).collect()
        });
        let winners: Vec<_> =
            results.iter().filter(|(result, _)| result.is_ok()).map(|(_, record)| record).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        let winner = winners[0];
        for (result, _) in &results {
            if let Err(e) = result {
                let told =
                    matches!(e, RegistryError::NameTaken { uuid, .. } if *uuid == winner.uuid);
                assert!(told, "round {round}: {e}");
            }
        }
        assert_eq!(desk.found("prize"), Some(winner.uuid), "round {round}");
        assert_eq!(files(desk.dir.path()).len(), 2, "round {round}");
        desk.registry.remove(winner);
    }
    for guest in guests {
        guest.destroy().expect("destroyed");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_taken_uuid_is_refused() {
    let desk = Desk::new();
    let guest = desk.guest();
    let taken = desk.registry.check_uuid(&desk.host.xen, guest.uuid()).expect_err("taken");
    assert!(matches!(taken, RegistryError::UuidTaken { .. }), "{taken}");
    desk.registry.check_uuid(&desk.host.xen, Uuid::new_v4()).expect("free");
    guest.destroy().expect("destroyed");
}
