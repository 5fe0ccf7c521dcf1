use core::net::{Ipv4Addr, Ipv6Addr};
use core::sync::atomic::Ordering;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::control::{Answer, Prefixed, Report, Request, State};
use crate::device::{BlockConfig, Config, Device, NetConfig, Slot};
use crate::doorbell::{TO_GUEST_REQUEST, TO_GUEST_TABLE, TO_HOST_LOG, TO_HOST_REPORT};
use crate::heap::Heap;
use crate::identity::{Name, Overflow};
use crate::layout::*;
use crate::log::{MAX_TEXT, Severity};
use crate::{Busy, Lie, RawShared, Refusal, SharedMemory, device};

type Pages<'a> = (HostPage<&'a RawShared>, GuestPage<&'a RawShared>);

fn header() -> Header {
    Header {
        uuid: [0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xa2],
        port: 5,
        grant_table: Some(GrantTable { first_frame: 0x1_0203, frames: 4 }),
        shared_info: Some(0x1_0300),
    }
}

fn pages(memory: &Heap) -> Pages<'_> {
    let host = HostPage::create(&**memory, &header());
    (host, GuestPage::attach(&**memory).unwrap())
}

fn bytes<const N: usize>(memory: &Heap, at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    memory.read(at, &mut bytes);
    bytes
}

fn net() -> Device {
    Device {
        state: device::State::Present,
        index: 1,
        backend: 0x0302,
        first_frame: 0x0706_0504,
        frames: 2,
        features: device::NET_CSUM | device::NET_SG | device::GRANTS_STAY,
        config: Config::Net(NetConfig {
            mac: [0, 0x16, 0x3e, 1, 2, 3],
            mtu: 1500,
            ipv4: Some(Prefixed { address: Ipv4Addr::new(10, 0, 0, 2), prefix: 24 }),
            gateway4: Some(Ipv4Addr::new(10, 0, 0, 1)),
            ipv6: Some(Prefixed { address: Ipv6Addr::LOCALHOST, prefix: 64 }),
            gateway6: None,
        }),
    }
}

fn disk() -> Device {
    Device {
        config: Config::Block(BlockConfig {
            sectors: 0x0102,
            sector_size: 512,
            physical_sector_size: 4096,
            info: device::BLOCK_FLUSH,
            max_indirect_segments: 256,
            serial: *b"0123456789abcdefghij",
        }),
        ..net()
    }
}

#[test]
fn a_fresh_page_has_the_golden_bytes() {
    let memory = Heap::new(1);
    pages(&memory);
    #[rustfmt::skip]
    assert_eq!(bytes::<64>(&memory, 0), [
        b'N', b'O', b'X', b'S', 1, 0, 0, 0, 0, 0x10, 0, 0, 2, 0, 0, 0,
        0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xa2,
        3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 32, 0, 64, 0,
        3, 2, 1, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0,
    ]);
    assert_eq!(bytes::<4032>(&memory, 64), [0; 4032]);
}

#[test]
fn a_net_slot_has_the_golden_bytes() {
    let memory = Heap::new(1);
    pages(&memory).0.set_device(Slot::new(1).unwrap(), &net());
    #[rustfmt::skip]
    assert_eq!(bytes::<64>(&memory, TABLE + SLOT_SIZE), [
        2, 1, 1, 2, 2, 3, 0xdc, 5, 4, 5, 6, 7, 9, 0x40, 0, 0,
        0, 0x16, 0x3e, 1, 2, 3, 24, 64, 10, 0, 0, 2, 10, 0, 0, 1,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
}

#[test]
fn a_block_slot_has_the_golden_bytes() {
    let memory = Heap::new(1);
    pages(&memory).0.set_device(Slot::new(31).unwrap(), &disk());
    let slot = bytes::<64>(&memory, TABLE + 31 * SLOT_SIZE);
    assert_eq!(slot[..8], [3, 1, 1, 2, 2, 3, 0, 0]);
    #[rustfmt::skip]
    assert_eq!(slot[16..40], [
        2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x10, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0,
    ]);
    assert_eq!(slot[40..60], *b"0123456789abcdefghij");
}

#[test]
fn the_guest_reads_what_the_host_wrote() {
    let memory = Heap::new(1);
    let (mut host, guest) = pages(&memory);
    assert_eq!(guest.header(), &header());
    host.set_identity(Name::new("web-1"), b"user data", None);
    assert_eq!(bytes::<6>(&memory, IDENTITY_NAME_LEN), *b"\x05web-1");
    assert_eq!(guest.name().unwrap().as_str(), "web-1");
    let mut user = [0; 64];
    assert_eq!(guest.read_user(&mut user), Ok(9));
    assert_eq!(user[..9], *b"user data");
    for (slot, device) in [(1, net()), (2, disk())] {
        let slot = Slot::new(slot).unwrap();
        host.set_device(slot, &device);
        assert_eq!(guest.device(slot), Ok(Some(device)));
    }
    assert_eq!(guest.device(Slot::CONSOLE), Ok(None));
}

#[test]
fn user_data_overflows_into_pages_of_its_own() {
    let memory = Heap::new(1);
    let (mut host, guest) = pages(&memory);
    let place = Overflow { frame: 77, pages: 2 };
    host.set_identity(Name::new("n"), &[9; USER_INLINE], Some((place, 5000)));
    let data = guest.user_data().unwrap();
    assert_eq!((data.len, data.overflow, data.inline_len()), (5000, Some(place), USER_INLINE));
    assert_eq!(crate::identity::UserData::pages_for(5000), 2);
    assert_eq!(crate::identity::UserData::pages_for(USER_INLINE), 0);
}

#[test]
fn long_names_end_at_a_character() {
    let name = std::format!("{}é", "x".repeat(62));
    assert_eq!(Name::new(&name).as_str(), "x".repeat(62));
    assert_eq!(Name::new("").as_str(), "");
}

#[test]
fn what_is_no_page_of_this_version_is_refused_with_a_message() {
    let memory = Heap::new(1);
    let attach = || GuestPage::attach(&*memory).map(|_| ()).unwrap_err();
    assert_eq!(attach(), Refusal::Magic(0));
    HostPage::create(&*memory, &header());
    memory.write(HEADER_MAJOR, &[2, 0, 7, 0]);
    assert_eq!(attach(), Refusal::Version { major: 2, minor: 7 });
    let message = std::format!("{}", attach());
    assert!(message.contains("noxs 2.7") && message.contains("speaks noxs 1"), "{message}");
    memory.write(HEADER_MAJOR, &[1, 0, 9, 0]);
    assert!(GuestPage::attach(&*memory).is_ok(), "a later minor version is fine");
    memory.write(HEADER_SLOTS, &[33]);
    assert_eq!(attach(), Refusal::Table { slots: 33, size: 64 });
    memory.write(HEADER_SIZE, &[0, 8]);
    assert_eq!(attach(), Refusal::Size(2048));
    memory.store(HEADER_GENERATION, 3, Ordering::SeqCst);
    assert_eq!(attach(), Refusal::Busy);
}

#[test]
fn a_host_that_died_while_writing_is_succeeded() {
    let memory = Heap::new(1);
    let (mut host, guest) = pages(&memory);
    let first = host.ask(Request::Suspend);
    memory.store(HEADER_GENERATION, 7, Ordering::SeqCst);
    assert_eq!(guest.asked(), Err(Busy));
    let mut next = HostPage::adopt(&*memory, &header());
    assert_eq!(guest.asked().unwrap().unwrap().request, Some(Request::Suspend));
    assert_ne!(next.ask(Request::Resume), first);
}

#[test]
fn requests_are_answered_once() {
    let memory = Heap::new(1);
    let (mut host, mut guest) = pages(&memory);
    assert_eq!(guest.asked(), Ok(None));
    assert_eq!(host.acknowledged().unwrap().sequence, 0);
    let number = host.ask(Request::Reboot);
    let asked = guest.asked().unwrap().unwrap();
    assert_eq!((asked.sequence, asked.request), (number, Some(Request::Reboot)));
    assert_eq!(host.acknowledged().unwrap().sequence, 0);
    guest.answer(number, Answer::Failed);
    assert_eq!(guest.asked(), Ok(None));
    let got = host.acknowledged().unwrap();
    assert_eq!((got.sequence, got.answer), (number, Answer::Failed));
    memory.store(CONTROL_REQUEST, 99, Ordering::SeqCst);
    host.ask(Request::Dump);
    memory.store(CONTROL_REQUEST, 99, Ordering::SeqCst);
    assert_eq!(guest.asked().unwrap().unwrap().request, None);
}

#[test]
fn reports_arrive() {
    let memory = Heap::new(1);
    let (host, mut guest) = pages(&memory);
    assert_eq!(host.report(), Ok(Report::default()));
    let report = Report {
        state: State::Ready,
        code: 3,
        ipv4: Some(Prefixed { address: Ipv4Addr::new(10, 1, 2, 3), prefix: 16 }),
        ipv6: Some(Prefixed { address: Ipv6Addr::LOCALHOST, prefix: 128 }),
    };
    guest.report(&report);
    assert_eq!(host.report(), Ok(report));
    assert_eq!(bytes::<8>(&memory, REPORT_IPV4), [10, 1, 2, 3, 16, 128, 0, 0]);
}

#[test]
fn lies_are_named() {
    let memory = Heap::new(1);
    let (mut host, _) = pages(&memory);
    memory.store(REPORT_STATE, 5, Ordering::SeqCst);
    assert_eq!(host.report(), Err(Lie::State(5)));
    memory.store(REPORT_STATE, 2, Ordering::SeqCst);
    memory.write(REPORT_PREFIX4, &[33]);
    assert_eq!(host.report(), Err(Lie::Prefix(33)));
    memory.store(REPORT_ANSWER, 3, Ordering::SeqCst);
    assert_eq!(host.acknowledged(), Err(Lie::Answer(3)));
    memory.store(REPORT_ANSWER, 0, Ordering::SeqCst);
    host.ask(Request::Dump);
    memory.store(REPORT_ACKNOWLEDGED, 2, Ordering::SeqCst);
    assert_eq!(host.acknowledged(), Err(Lie::Acknowledged(2)));
}

#[test]
fn devices_come_and_go() {
    let memory = Heap::new(1);
    let (mut host, mut guest) = pages(&memory);
    let slot = Slot::new(4).unwrap();
    host.set_device(slot, &disk());
    assert_eq!(host.taken(slot), None);
    guest.use_device(slot, device::NET_CSUM | device::GRANTS_STAY);
    assert_eq!(host.taken(slot), Some(device::NET_CSUM | device::GRANTS_STAY));
    assert_eq!(bytes::<2>(&memory, slot.offset() + SLOT_GUEST_FEATURES), [1, 0xc0]);
    host.set_device(slot, &Device { state: device::State::Removing, ..disk() });
    let taken = Some(device::NET_CSUM | device::GRANTS_STAY);
    assert_eq!(host.taken(slot), taken, "the guest's field stays");
    host.remove_device(slot);
    assert_eq!(guest.device(slot).unwrap().unwrap().state, device::State::Removing);
    guest.leave_device(slot);
    assert_eq!(host.taken(slot), None);
    host.clear_device(slot);
    assert_eq!(guest.device(slot), Ok(None));
}

#[test]
fn one_flush_tells_everything() {
    let memory = Heap::new(1);
    let (mut host, mut guest) = pages(&memory);
    assert!(host.sleep().is_empty() && guest.sleep().is_empty());
    assert!(!guest.flush(), "nothing to tell");
    guest.use_device(Slot::new(3).unwrap(), 0);
    guest.report(&Report::default());
    guest.log(Severity::Info, 0, b"hello").unwrap();
    assert!(guest.flush() && !guest.flush());
    let rung = host.take();
    assert_eq!((rung.devices, rung.services), (8, TO_HOST_REPORT | TO_HOST_LOG));
    assert_eq!(rung.slots().collect::<Vec<_>>(), [3]);
    guest.ring_device(Slot::CONSOLE);
    assert!(!guest.flush(), "the host is awake");

    host.ask(Request::Poweroff);
    host.clear_device(Slot::CONSOLE);
    assert!(host.flush());
    assert_eq!(guest.take().services, TO_GUEST_REQUEST | TO_GUEST_TABLE);
    assert_eq!(host.sleep().devices, 1, "what was rung keeps the host awake");
    guest.ring_device(Slot::CONSOLE);
    assert!(!guest.flush());
}

proptest! {
    /// Every slot of a device survives the page, and whatever a slot holds is read as
    /// something or nothing.
    #[test]
    fn any_slot_is_read(slot in prop::collection::vec(any::<u8>(), SLOT_SIZE)) {
        let memory = Heap::new(1);
        let (mut host, guest) = pages(&memory);
        let at = Slot::new(9).unwrap();
        memory.write(TABLE + 9 * SLOT_SIZE, &slot);
        if let Some(device) = guest.device(at).unwrap() {
            host.set_device(at, &device);
            prop_assert_eq!(guest.device(at), Ok(Some(device)));
        }
    }

    /// Whatever the guest wrote into its page, the host's verbs end, and what they read is
    /// in range or a lie.
    #[test]
    fn the_host_survives_any_page(
        seed in prop::collection::vec(any::<u8>(), 64),
        words in prop::collection::vec((0..1024_usize, any::<u32>()), 0..64),
    ) {
        let memory = Heap::new(1);
        for (i, &byte) in seed.iter().cycle().take(PAGE_SIZE).enumerate() {
            memory.write(i, &[byte]);
        }
        for (at, word) in words {
            memory.store(at * 4, word, Ordering::Relaxed);
        }
        let mut host = HostPage::adopt(&*memory, &header());
        if let Ok(Report { ipv4: Some(a), .. }) = host.report() {
            prop_assert!(a.prefix <= 32);
        }
        let _ = host.acknowledged();
        let mut text = [0; MAX_TEXT];
        let mut records = 0;
        while let Ok(Some(record)) = host.next_record(&mut text) {
            prop_assert!(record.len <= MAX_TEXT);
            records += 1;
        }
        prop_assert!(records <= LOG_SIZE / 12);
        host.release_log();
        prop_assert!(host.next_record(&mut text) == Ok(None), "a lie is told once");
        for slot in Slot::all() {
            let _ = host.taken(slot);
        }
        let _ = (host.take(), host.sleep());
        prop_assert!(host.take().is_empty());
    }
}
