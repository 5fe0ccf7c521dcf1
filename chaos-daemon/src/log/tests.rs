use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use noxs::log::{Record, Severity};
use uuid::Uuid;

use super::*;

fn record(severity: Severity) -> Record {
    Record { severity, time_ns: 1_000, len: 0, cut: false }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn records_go_to_all_outlets_as_they_are_defined() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("syslog");
    let syslog = UnixDatagram::bind(&path).unwrap();
    let target = Some(format!("unix:{}", path.display()).parse().unwrap());
    let options = Options { syslog: target, json: true, ..Options::default() };
    let service = Service::open(folder.path(), &options).unwrap();
    let book = service.book(Uuid::from_u128(7), "web 1");
    book.record(&record(Severity::Error), b"disk \"full\"\n", Instant::now());
    let mut message = [0; 1024];
    let len = syslog.recv(&mut message).unwrap();
    let message = String::from_utf8(message[..len].to_vec()).unwrap();
    // Facility 16, severity 3; the byte order mark says UTF-8.
    assert!(message.starts_with("<131>1 2"), "{message}");
    let rest = " web_1 00000000-0000-0000-0000-000000000007 noxs \
                [lightvm@32473 seq=\"0\" time_ns=\"1000\"] \u{feff}disk \"full\"";
    assert!(message.ends_with(rest), "{message}");
    drop((book, service));
    assert!(read(&folder.path().join("records.log")).ends_with(&format!("{rest}\n")));
    let json = read(&folder.path().join("records-json.log"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["name"], "web 1");
    assert_eq!(json["text"], "disk \"full\"");
    assert_eq!(json["severity"], 3);
}

#[test]
fn other_outlets_take_over_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::open(folder.path(), &Options::default()).unwrap();
    let book = service.book(Uuid::nil(), "g");
    book.record(&record(Severity::Info), b"first", Instant::now());
    let lines = folder.path().join("records.log");
    while !lines.exists() {
        std::thread::yield_now();
    }
    service.configure(&Options { file: false, json: true, ..Options::default() });
    book.record(&record(Severity::Info), b"second", Instant::now());
    drop((book, service));
    assert!(read(&lines).ends_with("first\n"));
    assert!(read(&folder.path().join("records-json.log")).contains("second"));
}

#[test]
fn udp_carries_records_too() {
    let syslog = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    syslog.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = format!("udp:{}", syslog.local_addr().unwrap()).parse().ok();
    let options = Options { syslog: target, file: false, ..Options::default() };
    let service = Service::open(folder.path(), &options).unwrap();
    service.book(Uuid::nil(), "g").record(&record(Severity::Info), b"hello", Instant::now());
    let mut message = [0; 1024];
    let len = syslog.recv(&mut message).unwrap();
    assert!(message[..len].ends_with(b"hello"));
    assert!(!folder.path().join("records.log").exists());
}

#[test]
fn a_guest_that_writes_endlessly_is_cut_short_and_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { rate: 1, burst: 5, ..Options::default() };
    let service = Service::open(folder.path(), &options).unwrap();
    let book = service.book(Uuid::nil(), "g");
    let start = Instant::now();
    for _ in 0..100 {
        book.record(&record(Severity::Info), b"again", start);
    }
    let records = book.records();
    assert_eq!((records.records.len(), records.dropped), (5, 95));
    book.record(&record(Severity::Info), b"later", start + Duration::from_secs(2));
    let records = book.records();
    assert_eq!(records.records[5].text, "95 records of this guest were dropped");
    assert_eq!(records.records[6].text, "later");
    assert_eq!(records.records[6].seq, 101, "dropped records have numbers");
    book.guest_dropped(7);
    book.guest_dropped(9);
    assert_eq!(book.records().dropped, 104);
}

#[test]
fn the_last_records_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { keep: 3, ..Options::default() };
    let service = Service::open(folder.path(), &options).unwrap();
    let book = service.book(Uuid::nil(), "g");
    for n in 0..5 {
        book.record(&record(Severity::Info), format!("{n}").as_bytes(), Instant::now());
    }
    let records = book.records();
    let texts: Vec<_> = records.records.iter().map(|record| record.text.as_str()).collect();
    assert_eq!((texts, records.dropped), (vec!["2", "3", "4"], 2));
    assert_eq!(service.book(Uuid::nil(), "g").records().records.len(), 3);
    service.close(Uuid::nil());
    assert!(service.book(Uuid::nil(), "g").records().records.is_empty());
}

#[test]
fn no_text_breaks_a_line_or_a_terminal() {
    let clean = |text: &[u8]| entry::clean(text, false);
    assert_eq!(clean(b"a\nb\x1b[2J\xff\r\n"), "a\\nb\\u{1b}[2J\u{fffd}");
    assert_eq!(clean(b"tab\tstays  \n\n"), "tab\tstays");
    assert_eq!(entry::clean(b"cut", true), "cut…");
}

/// Nobody receives, and the thread that waits for that holds up no guest.
#[test]
fn a_receiver_that_is_not_there_costs_records_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let target = Some(Target::Unix(folder.path().join("nobody")));
    let options = Options { syslog: target, burst: 50_000, ..Options::default() };
    let service = Service::open(folder.path(), &options).unwrap();
    let book = service.book(Uuid::nil(), "g");
    for _ in 0..10_000 {
        book.record(&record(Severity::Info), b"x", Instant::now());
    }
    assert_eq!(book.records().records.len(), 256);
    drop((book, service));
    assert!(read(&folder.path().join("records.log")).lines().count() > 1000);
}

#[test]
fn targets_are_told_apart() {
    assert_eq!("unix:/dev/log".parse(), Ok(Target::Unix("/dev/log".into())));
    assert_eq!("udp:[::1]:514".parse(), Ok(Target::Udp("[::1]:514".into())));
    for wrong in ["", "tcp:a:1", "unix:dev", "udp:host"] {
        assert!(wrong.parse::<Target>().unwrap_err().contains("udp:HOST:PORT"));
    }
}
