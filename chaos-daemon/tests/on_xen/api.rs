//! The control API over restarts: keys, events, batches, figures.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use lightvm::api::{BatchResult, CreateRequest, ErrorCode, Event, Happened, Report, Wait};
use lightvm::config::{GuestConfig, GuestOverrides, GuestType};

use crate::harness::{Chaosd, PATIENCE, native, nic};

/// A guest that stays, and says that it serves where there is a network for it.
fn request(name: &str, wait: Wait) -> CreateRequest {
    let overrides = match wait {
        Wait::Ready => {
            GuestOverrides { nic: Some(nic("tests")), ..native("echo", GuestType::Pvh, name, "") }
        }
        _ => native("hello", GuestType::Pvh, name, "idle"),
    };
    let config = GuestConfig::from_overrides(overrides).expect("a configuration").config;
    CreateRequest { config, wait, timeout_ms: Some(60_000), paused: false }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn every_pause_is_taken_back_once() {
    let chaosd = Chaosd::start();
    chaosd.client.create(&request("held", Wait::None)).expect("a guest");
    for _ in 0..2 {
        chaosd.client.pause("held").expect("held");
    }
    for _ in 0..2 {
        chaosd.client.unpause("held").expect("a pause is taken back");
    }
    let no = chaosd.client.unpause("held").expect_err("it runs");
    assert_eq!(no.code(), Some(ErrorCode::Conflict), "{no}");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_key_makes_one_guest_whatever_becomes_of_the_daemon() {
    let mut chaosd = Chaosd::start();
    chaosd.network("tests", "10.96.0.1/24");
    let (wanted, other) = (request("one", Wait::Ready), request("other", Wait::None));
    let first = chaosd.client.create_once(&wanted, "key-1").expect("a guest");
    assert!(!first.repeated);
    for restart in [false, true] {
        if restart {
            chaosd.kill_and_restart();
        }
        let again = chaosd.client.create_once(&wanted, "key-1").expect("the guest");
        assert!(again.repeated);
        assert_eq!((again.guest.uuid, again.guest.domid), (first.guest.uuid, first.guest.domid));
        let used = chaosd.client.create_once(&other, "key-1").expect_err("another request");
        assert_eq!(used.code(), Some(ErrorCode::Conflict));
    }
    chaosd.client.destroy("one").expect("destroyed");
    for restart in [false, true] {
        if restart {
            chaosd.kill_and_restart();
        }
        let past = chaosd.client.create_once(&wanted, "key-1").expect_err("it has ended");
        assert_eq!(past.code(), Some(ErrorCode::Ended), "{past}");
    }
    assert_eq!(chaosd.client.guests().expect("a list").len(), 0);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn clients_do_not_notice_that_the_daemon_is_killed() {
    const GUESTS: usize = 12;
    let mut chaosd = Chaosd::start();
    let socket = chaosd.path("socket");
    let client = thread::spawn(move || {
        // A daemon that is not optimised takes its time to start on a busy host.
        let client = lightvm::client::Client::connect(socket).expect("a daemon");
        let client = client.with_endurance(PATIENCE * 2);
        let make = |number| client.create(&request(&format!("web-{number}"), Wait::None));
        (0..GUESTS).map(|number| make(number).map(|answer| answer.guest.uuid)).collect::<Vec<_>>()
    });
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(150));
        chaosd.kill_and_restart();
    }
    let made = client.join().expect("the client");
    let made: HashSet<_> = made.into_iter().map(|made| made.expect("a guest")).collect();
    let living = chaosd.client.guests().expect("a list");
    assert_eq!(made.len(), GUESTS);
    assert_eq!(living.into_iter().map(|guest| guest.uuid).collect::<HashSet<_>>(), made);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn events_tell_a_guest_s_life_over_a_restart() {
    let mut chaosd = Chaosd::start();
    chaosd.network("tests", "10.96.0.1/24");
    let mut events = chaosd.client.events(Some(0)).expect("events");
    let mut until = |what: &str, is: &dyn Fn(&Happened) -> bool| {
        let mut seen: Vec<Event> = Vec::new();
        loop {
            let event = events.next().expect("no end").expect("an event");
            seen.push(event.clone());
            if is(&event.what) {
                return event.seq;
            }
            assert!(seen.len() < 100, "{what} is not among {seen:?}");
        }
    };
    until("the start", &|what| matches!(what, Happened::DaemonStarted { .. }));
    chaosd.client.create(&request("one", Wait::Ready)).expect("a guest");
    let of_one = |what: &Happened| matches!(what, Happened::GuestCreated { guest, .. } if guest.name.as_str() == "one");
    until("its creation", &of_one);
    let ready =
        |what: &Happened| matches!(what, Happened::GuestReported { report: Report::Ready, .. });
    let before = until("that it serves", &ready);
    chaosd.kill_and_restart();
    let gap = |what: &Happened| matches!(what, Happened::Gap { first, .. } if *first == before + 1);
    until("the gap", &gap);
    until("that it is served again", &|what| matches!(what, Happened::GuestAdopted { .. }));
    chaosd.client.destroy("one").expect("destroyed");
    until("its end", &|what| matches!(what, Happened::GuestGone { .. }));
    let past: Vec<_> = chaosd.client.past_events(before).expect("events").collect();
    assert!(past.len() >= 4, "{past:?}");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_batch_says_of_each_and_figures_tell_of_it() {
    let chaosd = Chaosd::start();
    chaosd.network("tests", "10.96.0.1/24");
    let batch = ["a", "b", "a", "c"].map(|name| request(name, Wait::Ready)).to_vec();
    let results = chaosd.client.create_many(batch).expect("a batch");
    let code = |result: &BatchResult| match result {
        BatchResult::Created(_) => None,
        BatchResult::Error(e) => Some(e.code),
    };
    let codes: Vec<_> = results.iter().map(code).collect();
    // Whichever of the two comes first has the name.
    assert_eq!(
        codes.iter().filter(|code| **code == Some(ErrorCode::Taken)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!((codes[1], codes[3]), (None, None));
    let text = metrics(&chaosd);
    for line in ["lightvm_guests 3", "lightvm_create_failures_total 1"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("lightvm_create_seconds_count{built=\"directly\"} 3"), "{text}");
    assert!(text.contains("lightvm_console_bytes_total{guest=\"b\"}"), "{text}");
    let kernel = crate::harness::image("hello").display().to_string();
    let guest = ["--kernel", kernel.as_str(), "--memory", "4", "--cmdline", "idle", "--name", "n"];
    let made = chaosd.lvm(&[&["create", "-n", "5"][..], &guest[..]].concat());
    assert!(made.contains('5'), "{made}");
    assert_eq!(chaosd.client.guests().expect("a list").len(), 8);
    let events = chaosd.lvm(&["events", "--past"]);
    assert!(events.contains("guest-created n-5 (domain"), "{events}");
}

fn metrics(chaosd: &Chaosd) -> String {
    let mut stream = UnixStream::connect(chaosd.path("socket")).expect("a daemon");
    let text = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(text).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}
