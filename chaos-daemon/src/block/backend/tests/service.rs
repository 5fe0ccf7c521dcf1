//! What an honest front end gets.

use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;

use noxs::block::{Body, operation, status};

use super::super::BlockOptions;
use super::guest::{Guest, image, open};
use crate::block::{BlockStats, DiskRate};

fn guest(sectors: u64) -> (tempfile::TempDir, Guest) {
    let (dir, path) = image(sectors);
    let guest = Guest::new(open(&path, true), BlockOptions::default(), 1);
    (dir, guest)
}

#[test]
fn a_batch_takes_one_copy_each_way_and_is_answered_in_order() {
    let (_dir, mut guest) = guest(1 << 12);
    for n in 0..16 {
        guest.grant(n, u8::try_from(n).unwrap());
        guest.ask_pages(n.into(), operation::WRITE, u64::from(n) * 8, &[n]);
    }
    let ids: Vec<_> = guest.run().iter().map(|response| response.id).collect();
    assert_eq!(ids, (0..16).collect::<Vec<_>>());
    assert_eq!(guest.copies, 1);
    for n in 0..16 {
        assert_eq!(u32::from(guest.read(n * 8)), u32::try_from(n).unwrap());
    }
    let stats = BlockStats {
        reads: 16,
        writes: 16,
        bytes_read: 16 * 4096,
        bytes_written: 16 * 4096,
        ..BlockStats::default()
    };
    assert_eq!(guest.back.block_stats(), stats);
}

/// Once through our memory as the file's holes are none of the page cache's, once from there.
#[test]
fn large_reads_find_what_was_written_and_holes_stay() {
    const STRETCH: u64 = (64 << 20) / 512;
    let (dir, mut guest) = guest(2 * STRETCH);
    let pages: Vec<u32> = (0..11).collect();
    for at in [0, STRETCH - 40, STRETCH + 16] {
        pages.iter().for_each(|&n| guest.grant(n, u8::try_from(n + 1).unwrap()));
        guest.ask_pages(1, operation::WRITE, at, &pages);
        pages.iter().for_each(|&n| guest.grant(100 + n, 0));
        let into: Vec<_> = pages.iter().map(|n| 100 + n).collect();
        assert_eq!(guest.run()[0].status, status::OKAY);
        guest.ask_pages(2, operation::READ, at, &into);
        guest.ask_pages(3, operation::READ, 4096, &pages);
        assert!(guest.run().iter().all(|response| response.status == status::OKAY));
        for n in pages.iter().map(|&n| usize::try_from(n).unwrap()) {
            let page = |grant| *guest.granted[&u32::try_from(grant).unwrap()];
            assert_eq!((page(100 + n), page(n)), ([u8::try_from(n + 1).unwrap(); 4096], [0; 4096]));
        }
    }
    let used = std::fs::metadata(dir.path().join("disk")).unwrap().blocks() * 512;
    assert!(used <= 4 * 11 * 4096, "{used} bytes of a sparse file");
}

/// Linux sends the next 32 requests when it has the answers of the last; if it is not asked to
/// tell of them, both wait for ever.
#[test]
fn a_turn_that_uses_up_its_budget_asks_for_the_next_request() {
    let (_dir, path) = image(64);
    let mut guest = Guest::new(open(&path, true), BlockOptions::default(), 4);
    guest.grant(1, 1);
    for requests in 62..67 {
        (0..requests).for_each(|id| guest.ask_pages(id, operation::READ, 0, &[1]));
        assert_eq!(guest.run().len() as u64, requests);
        guest.ask_pages(0, operation::READ, 0, &[1]);
        assert!(guest.front.push(), "after {requests} requests");
        assert_eq!(guest.run().len(), 1);
    }
}

#[test]
fn parts_of_pages_go_where_they_belong() {
    let (_dir, mut guest) = guest(64);
    guest.grant(1, 1);
    guest.grant(2, 2);
    guest.ask_parts(0, operation::WRITE, 7, &[(1, 7, 7), (2, 0, 1), (1, 3, 3)]);
    assert_eq!(guest.answer(), status::OKAY);
    guest.grant(3, 0xff);
    guest.grant(4, 0xff);
    guest.ask_indirect(0, operation::READ, 6, 5, &[(3, 1, 4), (4, 6, 7)]);
    assert_eq!(guest.answer(), status::OKAY);
    let sectors = |grant: u32| guest.granted[&grant].chunks(512).map(|c| c[0]).collect::<Vec<_>>();
    assert_eq!(sectors(3), [0xff, 0, 1, 2, 2, 0xff, 0xff, 0xff]);
    assert_eq!(sectors(4), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]);
}

#[test]
fn discards_leave_holes() {
    let (dir, mut guest) = guest(1 << 12);
    for sector in (0..256).step_by(8) {
        assert_eq!(guest.write(sector, 7), status::OKAY);
    }
    guest.ask(1, 0, Body::Discard { flag: 0, count: 248 });
    guest.ask_parts(2, operation::FLUSH_DISKCACHE, 0, &[]);
    assert!(guest.run().iter().all(|response| response.status == status::OKAY));
    assert_eq!((guest.read(240), guest.read(248)), (0, 7));
    let blocks = std::fs::metadata(dir.path().join("disk")).unwrap().blocks();
    assert!(blocks <= 16, "{blocks} sectors of the image in use");
}

#[test]
fn flushes_and_barriers_come_between() {
    let (_dir, mut guest) = guest(1 << 12);
    for round in 0..8u32 {
        let id = u64::from(round) * 4;
        let byte = u8::try_from(round).unwrap();
        guest.grant(round * 2, byte);
        guest.grant(round * 2 + 1, byte + 100);
        guest.ask_pages(id, operation::WRITE, 0, &[round * 2]);
        guest.ask_pages(id + 1, operation::WRITE_BARRIER, 0, &[round * 2 + 1]);
        guest.ask_parts(id + 2, operation::FLUSH_DISKCACHE, 0, &[]);
        guest.ask_pages(id + 3, operation::FLUSH_DISKCACHE, 8, &[round * 2]);
    }
    let responses = guest.run();
    assert!(responses.iter().all(|response| response.status == status::OKAY));
    assert_eq!(responses.len(), 32);
    assert_eq!((guest.read(0), guest.read(8)), (107, 7));
    assert_eq!(guest.back.block_stats().flushes, 24);
}

#[test]
fn memory_is_bounded_and_everything_is_served() {
    let (_dir, path) = image(1 << 14);
    let options = BlockOptions { memory: 1 << 20, ..BlockOptions::default() };
    let mut guest = Guest::new(open(&path, true), options, 4);
    let named: Vec<_> = (0..256).map(|grant| (grant, 0, 7)).collect();
    (0..256).for_each(|grant| guest.grant(grant, 3));
    for id in 0..100 {
        let operation = if id % 2 == 0 { operation::WRITE } else { operation::READ };
        let names = 1000 + u32::try_from(id).unwrap();
        guest.ask_indirect(id, operation, (id % 8) * 2048, names, &named);
    }
    let responses = guest.run();
    assert_eq!(responses.len(), 100);
    assert!(responses.iter().all(|response| response.status == status::OKAY));
    // Linux gives a disk up whose answer names the indirect request, not what is in it.
    let inner = [operation::READ, operation::WRITE];
    assert!(responses.iter().all(|response| inner.contains(&response.operation)));
    assert!(guest.io.buffers().used() <= 3 << 20);
    assert_eq!(guest.back.memory, 0);
}

#[test]
fn a_rate_is_kept() {
    let (_dir, path) = image(1 << 12);
    let rate = DiskRate { requests: NonZeroU64::new(100), bytes: None };
    let mut guest =
        Guest::new(open(&path, true), BlockOptions { rate, ..BlockOptions::default() }, 1);
    let start = guest.now;
    guest.grant(1, 1);
    (0..32).for_each(|id| guest.ask_pages(id, operation::READ, 0, &[1]));
    assert_eq!(guest.run().len(), 32);
    // One burst of a tenth of a second is free.
    assert!((guest.now - start).as_millis() >= 200, "{:?}", guest.now - start);
    assert!(guest.back.block_stats().throttled > 0);
}

#[test]
fn what_was_not_answered_is_done_by_the_next_back_end() {
    let (_dir, path) = image(1 << 12);
    let mut guest = Guest::new(open(&path, true), BlockOptions::default(), 1);
    for n in 0..20 {
        guest.grant(n, u8::try_from(n).unwrap() + 1);
        guest.ask_pages(n.into(), operation::WRITE, u64::from(n) * 8, &[n]);
    }
    let _ = guest.front.push();
    // Dies with jobs at work and before its answers are seen.
    let _ = guest.turn().unwrap();
    let early: Vec<_> = std::iter::from_fn(|| guest.front.next_response().unwrap()).collect();
    let other = image(8);
    guest.restart(open(&other.1, true));
    guest.restart(open(&path, true));
    let mut ids: Vec<_> = early.into_iter().chain(guest.run()).map(|r| r.id).collect();
    ids.dedup();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
    for n in 0..20 {
        assert_eq!(u64::from(guest.read(n * 8)), n + 1);
    }
}

#[test]
fn a_new_connection_waits_for_changes_of_the_former_and_ignores_their_ends() {
    let (_dir, path) = image(1 << 12);
    let disk = open(&path, true);
    let mut guest = Guest::new(disk.clone(), BlockOptions::default(), 1);
    for n in 0..20 {
        guest.grant(n, 1);
        guest.ask_pages(n.into(), operation::WRITE, u64::from(n) * 8, &[n]);
    }
    let _ = guest.front.push();
    let _ = guest.turn().unwrap();
    let early: Vec<_> = std::iter::from_fn(|| guest.front.next_response().unwrap()).collect();
    let late = guest.io.in_flight();
    guest.reconnect(disk.clone());
    if late > 0 {
        guest.turn().unwrap();
        assert!(guest.io.in_flight() <= late, "nothing starts while late changes are at work");
    }
    let mut ids: Vec<_> = early.into_iter().chain(guest.run()).map(|r| r.id).collect();
    ids.dedup();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
    assert!(!disk.is_changing());
}
