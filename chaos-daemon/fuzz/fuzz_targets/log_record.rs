//! Any log records of a guest: on a line of syslog and of JSON each, whatever they hold.
#![no_main]

use std::path::Path;

use chaos_daemon::log::{Entry, Facility, Outlet, clean};
use chaos_daemon::logfile::LogFile;
use libfuzzer_sys::fuzz_target;
use lightvm::api::LogRecord;
use noxs::SharedMemory;
use noxs::log::MAX_TEXT;
use noxs::page::{Header, HostPage};
use uuid::Uuid;

#[path = "../../../noxs/fuzz/fuzz_targets/memory.rs"]
mod memory;

const HEADER: Header = Header { uuid: [0; 16], port: 1, grant_table: None, shared_info: None };

fuzz_target!(|input: (&str, Vec<u8>, u32, u32)| {
    let (name, bytes, produced, consumed) = input;
    let page = memory::Page::new(&[]);
    page.write(noxs::layout::LOG, &bytes[..bytes.len().min(1024)]);
    page.write(noxs::layout::LOG_PRODUCED, &produced.to_le_bytes());
    page.write(noxs::layout::LOG_CONSUMED, &consumed.to_le_bytes());
    let mut host = HostPage::adopt(&*page, &HEADER);
    let mut text = [0; MAX_TEXT];
    while let Ok(Some(record)) = host.next_record(&mut text) {
        let text = clean(&text[..record.len], record.cut);
        let record = LogRecord {
            seq: 1,
            time_ns: record.time_ns,
            received_ms: 0,
            severity: record.severity as u8,
            text,
        };
        put(&Entry { guest: Uuid::nil(), name: name.into(), record });
    }
});

fn put(entry: &Entry) {
    let file = || LogFile::new(Path::new("/nonexistent"), "log", 1);
    let (facility, host) = (Facility::default(), "host".to_owned());
    let lines = Outlet::Lines { file: file(), facility, host };
    let syslog = lines.format(entry).expect("a message");
    assert!(syslog.starts_with(b"<") && !syslog.contains(&b'\n'));
    let json = Outlet::Json(file()).format(entry).expect("JSON");
    assert!(!json.contains(&b'\n'));
    let read: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(read["text"], entry.record.text.as_str());
}
