//! Any page in the hands of the host, rewritten between its verbs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use noxs::SharedMemory;
use noxs::control::Request;
use noxs::device::Slot;
use noxs::log::MAX_TEXT;
use noxs::page::{Header, HostPage};

mod memory;

const HEADER: Header = Header { uuid: [0; 16], port: 1, grant_table: None, shared_info: None };

fuzz_target!(|input: (Vec<u8>, Vec<(u16, u32)>)| {
    let (bytes, writes) = input;
    let page = memory::Page::new(&bytes);
    let mut host = HostPage::adopt(&*page, &HEADER);
    let mut text = [0; MAX_TEXT];
    for (step, (at, word)) in writes.into_iter().enumerate() {
        page.write(usize::from(at) % 1024 * 4, &word.to_le_bytes());
        match step % 6 {
            0 => drop(host.report().map(|report| {
                assert!(report.ipv4.is_none_or(|a| a.prefix <= 32));
                assert!(report.ipv6.is_none_or(|a| a.prefix <= 128));
            })),
            1 => drop(host.acknowledged()),
            2 => {
                let mut read = 0;
                while let Ok(Some(record)) = host.next_record(&mut text) {
                    assert!(record.len <= MAX_TEXT);
                    read += 12 + record.len;
                }
                assert!(read <= 1024);
                host.release_log();
            }
            3 => Slot::all().for_each(|slot| drop(host.taken(slot))),
            4 => drop(host.ask(Request::Dump)),
            _ => drop((host.take(), host.sleep(), host.flush())),
        }
    }
});
