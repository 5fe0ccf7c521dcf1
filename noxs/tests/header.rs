//! `noxs/include/noxs.h` is what the Rust side is: every offset and constant, and a page
//! that its verbs were used on. Needs a C compiler: `$CC`, or `cc`.

#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::ptr::NonNull;

use noxs::control::{Request, State};
use noxs::device::{self, BlockConfig, Config, Device, NetConfig, Slot};
use noxs::doorbell::*;
use noxs::identity::Name;
use noxs::layout::*;
use noxs::log::{HEADER, MAX_TEXT, Severity};
use noxs::page::{Header, HostPage};
use noxs::{RawShared, SharedMemory, control};

fn compile(into: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = into.join("header");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(compiler)
        .args(["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(here.join("include"))
        .arg("-o")
        .args([&program, &here.join("tests/header.c")])
        .status()
        .expect("a C compiler: apt-get install gcc libc6-dev");
    assert!(status.success(), "the header does not compile");
    program
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn every_offset_and_constant_is_the_same() {
    let output = Command::new(compile(&folder("layout"))).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut c: BTreeMap<&str, u64> = text
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    for (name, rust) in offsets().into_iter().chain(slot_offsets()) {
        assert_eq!(c.remove(name), Some(rust as u64), "{name}");
    }
    for (name, rust) in constants() {
        assert_eq!(c.remove(name), Some(rust), "{name}");
    }
    assert!(c.is_empty(), "not compared: {c:?}");
}

fn offsets() -> Vec<(&'static str, usize)> {
    vec![
        ("magic", HEADER_MAGIC),
        ("major", HEADER_MAJOR),
        ("minor", HEADER_MINOR),
        ("size", HEADER_SIZE),
        ("generation", HEADER_GENERATION),
        ("uuid", HEADER_UUID),
        ("flags", HEADER_FLAGS),
        ("port", HEADER_PORT),
        ("grant_frames", HEADER_GRANT_FRAMES),
        ("slots", HEADER_SLOTS),
        ("slot_size", HEADER_SLOT_SIZE),
        ("grant_table_frame", HEADER_GRANT_TABLE),
        ("shared_info_frame", HEADER_SHARED_INFO),
        ("host_bell", HOST_BELL + BELL_DEVICES),
        ("host_bell.services", HOST_BELL + BELL_SERVICES),
        ("host_bell.asleep", HOST_BELL + BELL_ASLEEP),
        ("guest_bell", GUEST_BELL),
        ("request", CONTROL_REQUEST),
        ("request_sequence", CONTROL_SEQUENCE),
        ("acknowledged", REPORT_ACKNOWLEDGED),
        ("state", REPORT_STATE),
        ("code", REPORT_CODE),
        ("answer", REPORT_ANSWER),
        ("ipv4", REPORT_IPV4),
        ("prefix4", REPORT_PREFIX4),
        ("prefix6", REPORT_PREFIX6),
        ("ipv6", REPORT_IPV6),
        ("log_produced", LOG_PRODUCED),
        ("log_dropped", LOG_DROPPED),
        ("log_consumed", LOG_CONSUMED),
        ("name_len", IDENTITY_NAME_LEN),
        ("name", IDENTITY_NAME),
        ("user_len", IDENTITY_USER_LEN),
        ("user_overflow_pages", IDENTITY_OVERFLOW_PAGES),
        ("user_overflow_frame", IDENTITY_OVERFLOW_FRAME),
        ("user", IDENTITY_USER),
        ("table", TABLE),
        ("log", LOG),
    ]
}

fn slot_offsets() -> Vec<(&'static str, usize)> {
    vec![
        ("slot.kind", SLOT_KIND),
        ("slot.state", SLOT_STATE),
        ("slot.index", SLOT_INDEX),
        ("slot.frames", SLOT_FRAMES),
        ("slot.backend", SLOT_BACKEND),
        ("slot.mtu", SLOT_MTU),
        ("slot.first_frame", SLOT_FIRST_FRAME),
        ("slot.host_features", SLOT_HOST_FEATURES),
        ("slot.guest_features", SLOT_GUEST_FEATURES),
        ("slot.config", SLOT_CONFIG),
    ]
}

fn constants() -> Vec<(&'static str, u64)> {
    vec![
        ("NOXS_MAGIC", MAGIC.into()),
        ("NOXS_MAJOR", MAJOR.into()),
        ("NOXS_MINOR", MINOR.into()),
        ("NOXS_PAGE_SIZE", PAGE_SIZE as u64),
        ("NOXS_SLOTS", SLOTS as u64),
        ("NOXS_NAME_MAX", NAME_MAX as u64),
        ("NOXS_USER_INLINE", USER_INLINE as u64),
        ("NOXS_LOG_SIZE", LOG_SIZE as u64),
        ("NOXS_LOG_HEADER", HEADER as u64),
        ("NOXS_FLAG_GRANT_TABLE", FLAG_GRANT_TABLE.into()),
        ("NOXS_FLAG_SHARED_INFO", FLAG_SHARED_INFO.into()),
        ("NOXS_TO_HOST_REPORT", TO_HOST_REPORT.into()),
        ("NOXS_TO_HOST_LOG", TO_HOST_LOG.into()),
        ("NOXS_TO_GUEST_REQUEST", TO_GUEST_REQUEST.into()),
        ("NOXS_TO_GUEST_TABLE", TO_GUEST_TABLE.into()),
        ("NOXS_TO_GUEST_LOG_ROOM", TO_GUEST_LOG_ROOM.into()),
        ("NOXS_REQUEST_POWEROFF", Request::Poweroff as u64),
        ("NOXS_REQUEST_REBOOT", Request::Reboot as u64),
        ("NOXS_REQUEST_SUSPEND", Request::Suspend as u64),
        ("NOXS_REQUEST_RESUME", Request::Resume as u64),
        ("NOXS_REQUEST_TABLE_CHANGED", Request::TableChanged as u64),
        ("NOXS_REQUEST_DUMP", Request::Dump as u64),
        ("NOXS_STATE_BOOTED", State::Booted as u64),
        ("NOXS_STATE_READY", State::Ready as u64),
        ("NOXS_STATE_STOPPING", State::Stopping as u64),
        ("NOXS_STATE_CRASHED", State::Crashed as u64),
        ("NOXS_ANSWER_NOT_SUPPORTED", control::Answer::NotSupported as u64),
        ("NOXS_ANSWER_FAILED", control::Answer::Failed as u64),
        ("NOXS_SLOT_PRESENT", device::State::Present as u64),
        ("NOXS_SLOT_REMOVING", device::State::Removing as u64),
        ("NOXS_CONSOLE", Slot::CONSOLE.number().into()),
        ("NOXS_IN_USE", IN_USE.into()),
        ("NOXS_GRANTS_STAY", device::GRANTS_STAY.into()),
        ("NOXS_NET_CSUM", device::NET_CSUM.into()),
        ("NOXS_NET_GSO_TCPV4", device::NET_GSO_TCPV4.into()),
        ("NOXS_NET_GSO_TCPV6", device::NET_GSO_TCPV6.into()),
        ("NOXS_NET_SG", device::NET_SG.into()),
        ("NOXS_BLOCK_READ_ONLY", device::BLOCK_READ_ONLY.into()),
        ("NOXS_BLOCK_FLUSH", device::BLOCK_FLUSH.into()),
        ("NOXS_BLOCK_DISCARD", device::BLOCK_DISCARD.into()),
    ]
}

/// The host in Rust and the guest in C understand each other.
#[test]
fn a_c_guest_uses_a_page_of_the_host() {
    let mut words = vec![0u64; PAGE_SIZE / 8];
    let base = NonNull::new(words.as_mut_ptr()).unwrap().cast();
    // SAFETY: `words` lives to the end of this function and is not touched otherwise.
    let memory = unsafe { RawShared::new(base, PAGE_SIZE) };
    let header = Header { uuid: [1; 16], port: 9, grant_table: None, shared_info: None };
    let mut host = HostPage::create(&memory, &header);
    host.set_identity(Name::new("in C"), b"", None);
    for (slot, config) in [(1, net()), (2, disk())] {
        let state = device::State::Present;
        let (index, backend, first_frame, frames, features) = (0, 0, 5, 1, 0);
        let device = Device { state, index, backend, first_frame, frames, features, config };
        host.set_device(Slot::new(slot).unwrap(), &device);
    }
    let asked = host.ask(Request::Suspend);
    let _ = host.flush();
    assert!(host.sleep().is_empty());

    let mut page = [0; PAGE_SIZE];
    memory.read(0, &mut page);
    memory.write(0, &run(&page));

    let report = host.report().unwrap();
    assert_eq!((report.state, report.code), (State::Ready, 7));
    let answer = control::Acknowledged { sequence: asked, answer: control::Answer::NotSupported };
    assert_eq!(host.acknowledged(), Ok(answer));
    let rung = host.take();
    assert_eq!((rung.devices, rung.services), (4, TO_HOST_REPORT | TO_HOST_LOG));
    let mut text = [0; MAX_TEXT];
    let record = host.next_record(&mut text).unwrap().unwrap();
    assert_eq!((record.severity, record.time_ns), (Severity::Info, 0x0102_0304_0506_0708));
    assert_eq!(text[..record.len], *b"in C");
    host.ask(Request::Dump);
    assert!(host.flush(), "the guest in C sleeps");
}

fn net() -> Config {
    Config::Net(NetConfig { gateway4: Some(Ipv4Addr::new(10, 0, 0, 1)), ..NetConfig::default() })
}

fn disk() -> Config {
    Config::Block(BlockConfig { serial: *b"0123456789abcdefghij", ..BlockConfig::default() })
}

/// Runs the C guest on a page; returns what it made of it.
fn run(page: &[u8]) -> Vec<u8> {
    let folder = folder("verbs");
    let result = folder.join("page");
    let mut guest =
        Command::new(compile(&folder)).arg(&result).stdin(Stdio::piped()).spawn().unwrap();
    guest.stdin.take().unwrap().write_all(page).unwrap();
    assert!(guest.wait().unwrap().success(), "the C guest found something wrong");
    std::fs::read(result).unwrap()
}
