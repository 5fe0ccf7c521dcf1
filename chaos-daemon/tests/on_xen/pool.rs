//! Shells: built in advance, finished as guests, gone when nobody needs them.

use std::collections::HashSet;

use lightvm::api::{Built, CreateRequest, FlavourOrigin, PoolInfo, Wait};
use lightvm::client::Client;
use lightvm::config::{GuestConfig, GuestOverrides, GuestType, Nic};
use lightvm::xen::Xen;
use uuid::Uuid;

use crate::harness::{
    Chaosd, PATIENCE, address, assert_ready, eventually, image, native, nic, run,
};
use crate::native::echo_over_tcp;

/// Makes a guest that is waited for; says how it came to be.
fn create(chaosd: &Chaosd, overrides: GuestOverrides) -> (lightvm::api::GuestSummary, Built) {
    let config = GuestConfig::from_overrides(overrides).expect("a configuration").config;
    let timeout_ms = Some(PATIENCE.as_millis().try_into().expect("a minute"));
    let request = CreateRequest { config, wait: Wait::Ready, timeout_ms, paused: false };
    let answer = chaosd.client.create(&request).expect("a guest");
    (answer.guest, answer.built)
}

/// Waits until the pool is as wanted.
fn pool(chaosd: &Chaosd, what: &str, is: impl Fn(&PoolInfo) -> bool) -> PoolInfo {
    eventually(what, || Some(chaosd.client.pool().expect("the pool")).filter(&is))
}

/// Domains of the host beside dom0, by UUID.
fn domains() -> HashSet<Uuid> {
    let domains = Xen::open().expect("a Xen dom0").domains().expect("its domains");
    domains.into_iter().filter(|domain| domain.domid.0 != 0).map(|domain| domain.uuid).collect()
}

fn shells(pool: &PoolInfo) -> usize {
    pool.flavours.iter().map(|flavour| flavour.ready as usize).sum()
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn what_is_asked_for_again_is_there_before_it_is_asked_for() {
    let others = domains();
    let mut chaosd = Chaosd::start_with("[pool]\nenabled = true");
    chaosd.network("tests", "10.96.0.1/24");
    let echo = |number: u8| GuestOverrides {
        nic: Some(nic("tests")),
        ..native("echo", GuestType::Pvh, &format!("echo-{number}"), "")
    };
    let mut guests: Vec<_> = (0..2).map(|number| create(&chaosd, echo(number))).collect();
    assert!(guests.iter().all(|(_, built)| *built == Built::Directly));
    let learned = pool(&chaosd, "a shell of what was asked for twice", |pool| shells(pool) > 0);
    let flavour = &learned.flavours[0];
    assert_eq!((flavour.origin, flavour.nics), (FlavourOrigin::Learned, 1));
    // Not one of its devices, nor anything it is called, is the shell's.
    let known = GuestOverrides {
        uuid: Some(Uuid::from_u128(0x1eaf)),
        nic: Some(vec![Nic {
            mac: Some("02:00:00:00:be:ef".parse().expect("an address")),
            addresses: vec!["10.96.0.77/24".parse().expect("an address")],
            ..nic("tests").remove(0)
        }]),
        ..echo(2)
    };
    let (guest, built) = create(&chaosd, known);
    assert_eq!((built, guest.uuid), (Built::Loaded, Uuid::from_u128(0x1eaf)));
    assert_eq!(address(&guest), "10.96.0.77");
    run("ip neigh flush dev lvm-tests; ping -c 2 -i 0.2 -w 10 10.96.0.77");
    assert!(run("ip neigh show dev lvm-tests").contains("02:00:00:00:be:ef"));
    guests.push((guest, built));
    pool(&chaosd, "another shell", |pool| shells(pool) > 0);
    let taken = create(&chaosd, echo(3));
    assert_eq!(taken.1, Built::Loaded);
    guests.push(taken);
    for (guest, _) in &guests {
        assert_ready(guest);
        echo_over_tcp(&address(guest));
    }
    // Shells are nobody's guests, and die with their daemon.
    assert_eq!(chaosd.client.guests().expect("a list").len(), guests.len());
    let before = domains();
    chaosd.kill_and_restart();
    let uuids: HashSet<_> = guests.iter().map(|(guest, _)| guest.uuid).collect();
    let left = eventually("the shells' end", || {
        let left: HashSet<_> = domains().difference(&others).copied().collect();
        (left == uuids).then_some(left)
    });
    assert!(left.len() < before.len(), "there were no shells");
    guests.iter().for_each(|(guest, _)| echo_over_tcp(&address(guest)));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn declared_shells_are_there_from_the_start_for_any_image() {
    let others = domains();
    let flavour = |kernel: &str, more: &str| {
        format!(
            "[[pool.flavour]]\nlow = 2\nhigh = 4\n{more}[pool.flavour.guest]\nkernel = {:?}\n\
             memory = '4MiB'\ntype = 'pvh'\n",
            image(kernel)
        )
    };
    let lines = format!(
        "[pool]\nlearn = {{ flavours = 0 }}\n{}{}",
        flavour("hello-c", ""),
        flavour("daytime", "loaded = false\n").replace("'4MiB'", "'8MiB'")
    );
    let chaosd = Chaosd::start_with(&lines);
    let full = pool(&chaosd, "four shells", |pool| shells(pool) == 4);
    assert!(full.flavours.iter().all(|flavour| flavour.origin == FlavourOrigin::Declared));
    assert_eq!(domains().difference(&others).count(), 4);
    assert!(full.used <= full.budget);
    for (memory, built) in [("4MiB", Built::Loaded), ("8MiB", Built::Blank)] {
        let name = format!("c-{memory}");
        let config = GuestOverrides {
            memory: Some(memory.parse().expect("a size")),
            ..native("hello-c", GuestType::Pvh, &name, "")
        };
        let (guest, how) = create(&chaosd, config);
        assert_eq!(how, built, "{memory}");
        let output = chaosd.wait_for_output(&name, "\r\n");
        assert_eq!(output, format!("hello, I am up, my name is {name}\r\n"));
        assert_eq!(guest.name.as_str(), name);
    }
    let shown = chaosd.lvm(&["pool"]);
    assert!(shown.contains("hello-c") && shown.contains("declared"), "{shown}");
    // A name that is taken costs no shell.
    pool(&chaosd, "four shells again", |pool| shells(pool) == 4);
    let hits = |pool: &PoolInfo| pool.flavours.iter().map(|flavour| flavour.hits).sum::<u64>();
    let before = hits(&chaosd.client.pool().expect("the pool"));
    let taken = native("hello-c", GuestType::Pvh, "c-4MiB", "");
    chaosd.try_create(taken).expect_err("the name is taken");
    let now = chaosd.client.pool().expect("the pool");
    assert_eq!((hits(&now), shells(&now)), (before, 4));
    // One that dies while it waits is no guest's.
    let waiting = domains();
    let guests: HashSet<_> =
        chaosd.client.guests().expect("a list").iter().map(|guest| guest.uuid).collect();
    let xen = Xen::open().expect("a Xen dom0");
    for domain in xen.domains().expect("its domains") {
        let is_shell = waiting.contains(&domain.uuid) && !others.contains(&domain.uuid);
        if is_shell && !guests.contains(&domain.uuid) {
            xen.destroy_domain(domain.domid).expect("destroyed");
        }
    }
    let (_, how) = create(&chaosd, native("hello-c", GuestType::Pvh, "after", ""));
    assert_eq!(how, Built::Directly);
    pool(&chaosd, "four shells once more", |pool| shells(pool) == 4);
}

/// A guest of `hello-c` that stays.
fn hello(name: &str) -> GuestOverrides {
    native("hello-c", GuestType::Pvh, name, "")
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn flavours_come_and_go_while_the_daemon_runs() {
    let others = domains();
    let mut chaosd = Chaosd::start_with("[pool]\nlearn = { flavours = 0 }");
    let config = chaosd.path("hello.toml");
    let text = format!("kernel = {:?}\nmemory = '4MiB'\ntype = 'pvh'\n", image("hello-c"));
    std::fs::write(&config, text).expect("written");
    let path = config.to_str().expect("a path");
    chaosd.lvm(&["pool", "add", path, "--low", "2", "--high", "3"]);
    pool(&chaosd, "two shells", |pool| shells(pool) == 2);
    // They are listed as shells, and as nothing else.
    assert!(chaosd.lvm(&["pool", "list"]).contains("hello-c"));
    let listed = chaosd.lvm(&["list", "--json"]);
    let uuids: Vec<_> = domains().difference(&others).copied().collect();
    assert_eq!(uuids.len(), 2);
    assert!(uuids.iter().all(|uuid| !listed.contains(&uuid.to_string())), "{listed}");
    // The next daemon keeps them too.
    chaosd.kill_and_restart();
    let again = pool(&chaosd, "two shells of the next daemon", |pool| shells(pool) == 2);
    assert_eq!((again.flavours.len(), again.flavours[0].high), (1, 3));
    let id = again.flavours[0].id.to_string();
    chaosd.lvm(&["pool", "remove", &id]);
    pool(&chaosd, "no flavour", |pool| pool.flavours.is_empty());
    eventually("the shells' end", || domains().is_subset(&others).then_some(()));
    assert!(!chaosd.try_lvm(&["pool", "remove", &id]).status.success());
    chaosd.kill_and_restart();
    assert!(chaosd.client.pool().expect("the pool").flavours.is_empty());
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_destroyed_guest_is_gone_at_once_and_its_memory_follows() {
    let others = domains();
    let mut chaosd = Chaosd::start_with("[pool]\nlearn = { after = 1 }");
    let names: Vec<_> = (0..12).map(|number| format!("brief-{number}")).collect();
    for name in &names {
        create(&chaosd, hello(name));
    }
    for name in &names {
        chaosd.client.destroy(name).expect("destroyed");
        assert!(chaosd.info(name).is_none());
        let listed = chaosd.lvm(&["list"]);
        assert!(listed.split_whitespace().all(|word| word != name), "{name}: {listed}");
    }
    // Its name is free, and so is its UUID to whoever waits for the domain.
    let known = GuestOverrides { uuid: Some(Uuid::from_u128(0x1eaf)), ..hello(&names[0]) };
    create(&chaosd, known.clone());
    chaosd.client.destroy(&names[0]).expect("destroyed");
    create(&chaosd, known);
    chaosd.client.destroy_and_wait(&names[0]).expect("destroyed");
    let left = domains();
    assert!(!left.contains(&Uuid::from_u128(0x1eaf)));
    pool(&chaosd, "all memory back", |pool| pool.returning == 0);
    // What a killed daemon had begun the next one finishes.
    let brief: HashSet<_> = names.iter().map(|name| create(&chaosd, hello(name)).0.uuid).collect();
    names.iter().for_each(|name| chaosd.client.destroy(name).expect("destroyed"));
    chaosd.kill_and_restart();
    eventually("their end", || domains().is_disjoint(&brief).then_some(()));
    drop(chaosd);
    assert!(domains().is_subset(&others));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn of_two_that_want_a_name_one_gets_it_and_shells_that_die_are_nobodys() {
    let chaosd = Chaosd::start_with("[pool]\nlearn = { after = 1 }");
    create(&chaosd, hello("first"));
    pool(&chaosd, "shells", |pool| shells(pool) >= 1);
    for round in 0..10 {
        let name = format!("wanted-{round}");
        let made: Vec<bool> = std::thread::scope(|scope| {
            let one = || {
                let config = GuestConfig::from_overrides(hello(&name)).expect("one").config;
                let client = Client::connect(chaosd.path("socket")).expect("a daemon");
                let wait = Wait::None;
                client.create(&CreateRequest { config, wait, timeout_ms: None, paused: false })
            };
            let both = [scope.spawn(one), scope.spawn(one)];
            both.map(|one| one.join().expect("no panic").is_ok()).into()
        });
        assert_eq!(made.iter().filter(|&&made| made).count(), 1, "{name}");
        chaosd.client.destroy(&name).expect("the one there is");
    }
    // Guests whose domains are taken away while they are being finished.
    let guests = || chaosd.client.guests().expect("a list").len();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(3);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let xen = Xen::open().expect("a Xen dom0");
            while std::time::Instant::now() < end {
                let all = xen.domains().expect("its domains");
                let newest = all.iter().map(|domain| domain.domid).max_by_key(|domid| domid.0);
                newest.into_iter().filter(|domid| domid.0 != 0).for_each(|domid| {
                    let _ = xen.destroy_domain(domid);
                });
                std::thread::sleep(std::time::Duration::from_millis(3));
            }
        });
        let mut number = 0;
        while std::time::Instant::now() < end {
            let _ = chaosd.try_create(hello(&format!("unlucky-{number}")));
            number += 1;
        }
    });
    for guest in chaosd.client.guests().expect("a list") {
        let _ = chaosd.client.destroy_and_wait(guest.name.as_str());
    }
    eventually("every guest's end", || (guests() == 0).then_some(()));
    create(&chaosd, hello("after"));
}
