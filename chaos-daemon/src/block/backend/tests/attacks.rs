//! What a hostile front end gets.

use noxs::block::{Body, operation, status};
use noxs::ring::offset;

use super::super::BlockOptions;
use super::guest::{Guest, image, open};
use crate::block::disk::Disk;
use crate::shard::Fault;

fn guest(writable: bool) -> (tempfile::TempDir, Guest) {
    let (dir, path) = image(1 << 10);
    let guest = Guest::new(open(&path, writable), BlockOptions::default(), 1);
    (dir, guest)
}

#[test]
fn a_read_only_disk_stays_as_it_is() {
    let (dir, mut guest) = guest(false);
    assert_eq!(guest.write(0, 1), status::ERROR);
    guest.ask(0, 0, Body::Discard { flag: 0, count: 8 });
    assert_eq!(guest.answer(), status::ERROR);
    guest.ask_parts(0, operation::FLUSH_DISKCACHE, 0, &[]);
    assert_eq!(guest.answer(), status::OKAY);
    assert_eq!(guest.read(0), 0);
    assert_eq!(guest.back.block_stats().refused, 2);
    assert_eq!(std::fs::read(dir.path().join("disk")).unwrap(), vec![0; 512 << 10]);
}

#[test]
fn grants_that_are_none_change_nothing() {
    let (_dir, mut guest) = guest(true);
    assert_eq!(guest.write(0, 5), status::OKAY);
    guest.grant(1, 6);
    guest.ask_pages(0, operation::WRITE, 0, &[1, 2]);
    assert_eq!(guest.answer(), status::ERROR);
    guest.ask_pages(0, operation::WRITE_BARRIER, 0, &[2]);
    assert_eq!(guest.answer(), status::ERROR);
    guest.ask_pages(0, operation::READ, 0, &[2]);
    assert_eq!(guest.answer(), status::ERROR);
    let mut pages = [77; 8];
    pages[1] = 1;
    guest.ask(0, 0, Body::Indirect { operation: operation::WRITE, count: 3, pages });
    assert_eq!(guest.answer(), status::ERROR);
    assert_eq!(guest.back.block_stats().bad_grants, 4);
    assert_eq!(guest.read(0), 5);
    assert_eq!(guest.back.memory, 0);
}

#[test]
fn names_that_are_wild_are_refused() {
    let (_dir, mut guest) = guest(true);
    guest.grant(1, 6);
    for named in [[(1, 0, 7), (1, 5, 4)], [(1, 0, 7), (1, 0, 8)]] {
        guest.ask_indirect(0, operation::WRITE, 0, 9, &named);
        assert_eq!(guest.answer(), status::ERROR);
    }
    guest.ask_indirect(0, operation::READ, 1020, 9, &[(1, 0, 3), (1, 0, 0)]);
    assert_eq!(guest.answer(), status::ERROR);
    assert_eq!(guest.back.block_stats().refused, 3);
    assert_eq!(guest.read(0), 0);
}

#[test]
fn lies_about_the_ring_disconnect() {
    for (honest, produced) in [(0, 33), (0, u32::MAX), (3, 2)] {
        let (_dir, mut guest) = guest(true);
        for id in 0..honest {
            guest.ask_parts(id, operation::FLUSH_DISKCACHE, 0, &[]);
        }
        guest.run();
        guest.lie(offset::REQ_PROD, produced);
        let fault = guest.turn().unwrap_err();
        assert!(matches!(fault, Fault::Ring { size: 32, .. }), "{fault}");
    }
}

#[test]
fn a_ring_of_an_odd_size_is_no_ring() {
    use super::super::{Abi, BlockBackend};
    let (_dir, path) = image(8);
    let disk: std::sync::Arc<Disk> = open(&path, false);
    let memory = Box::leak(vec![0u64; 3 * 512].into_boxed_slice());
    let base = std::ptr::NonNull::new(memory.as_mut_ptr().cast()).unwrap();
    for bytes in [0, 100, 3 * 4096] {
        // SAFETY: leaked, and reached through this value only.
        let ring = unsafe { noxs::RawShared::new(base, bytes) };
        let options = BlockOptions::default();
        let made = BlockBackend::attach(Box::new(ring), Abi::X86_64, disk.clone(), options);
        assert!(matches!(made, Err(Fault::Protocol(_))), "{bytes}");
    }
}
