//! Guests by the thousand leave the host and this process as they were.

use std::time::{Duration, Instant};

use lightvm::config::GuestType;
use lightvm::registry::Registry;

use crate::guests;
use crate::host::{OnXen, resident_memory};
use crate::names::{files, name, record};
use crate::terminal::PATIENCE;

/// What the allocator may keep for itself. A page lost per round would be 40 MiB.
const SLACK: u64 = 1 << 20;

fn rounds(guest_type: GuestType, count: u32) {
    const WARM_UP: u32 = 200;
    let host = OnXen::new();
    let dir = tempfile::tempdir().expect("a folder");
    let registry = Registry::open(dir.path()).expect("a registry");
    let config = guests::config(guests::unikernel("noop", guest_type));
    let round = || {
        let (guest, _) = host.creator.create(&config).expect("created").hold();
        let record = record(name("soak"), &guest, &config);
        registry.add(&host.xen, &record).expect("registered");
        registry.remove(&record);
        guest.destroy().expect("destroyed");
    };
    (0..WARM_UP).for_each(|_| round());
    let (before, resident) = (host.reference(), resident_memory());
    let since = Instant::now();
    (0..count).for_each(|_| round());
    let spent = since.elapsed();
    host.assert_as(&before, "the rounds");
    let grown = resident_memory().saturating_sub(resident);
    assert!(grown <= SLACK, "{} KiB more in use after {count} rounds", grown >> 10);
    assert_eq!(files(dir.path()), Vec::<String>::new());
    println!(
        "soak | {count} rounds of {guest_type} | {:.0} s, {:.2} ms each | {} KiB grown",
        spent.as_secs_f64(),
        (spent / count).as_secs_f64() * 1e3,
        grown >> 10
    );
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn ten_thousand_pvh_guests() {
    rounds(GuestType::Pvh, 10_000);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn two_thousand_pv_guests() {
    rounds(GuestType::Pv, 2_000);
}

/// Guests that run, talk and are watched, rather than only built.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_thousand_lives() {
    const LIVES: u32 = 500;
    let host = OnXen::new();
    let since = Instant::now();
    for guest_type in guests::BOTH {
        let config = guests::config(guests::unikernel("hello", guest_type));
        for _ in 0..LIVES {
            let guest = host.start(&config);
            guest.wait(Some(PATIENCE)).expect("waiting").expect("its end");
            let mut text = [0; 2048];
            let read = guest.console().expect("a console").read(&mut text).expect("output");
            assert!(text[..read].starts_with(b"Hello from a P"));
            guest.destroy().expect("destroyed");
        }
    }
    let each: Duration = since.elapsed() / (2 * LIVES);
    println!("soak | {} lives of hello | {:.2} ms each", 2 * LIVES, each.as_secs_f64() * 1e3);
}
