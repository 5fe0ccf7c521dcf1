use noxs::block::put_segment;
use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { sectors: 1000, writable: true, discard: true };
const READ_ONLY: Bounds = Bounds { writable: false, ..BOUNDS };

fn request(sector: u64, body: Body) -> Request {
    Request { id: 1, sector, handle: 0, body }
}

fn asks(operation: u8, sector: u64, named: &[(u8, u8)]) -> Request {
    let mut segments = [Segment::default(); SEGMENTS];
    for (segment, &(first, last)) in segments.iter_mut().zip(named) {
        *segment = Segment { grant: 9, first, last };
    }
    let count = u8::try_from(named.len()).unwrap();
    request(sector, Body::Direct { operation, count, segments })
}

fn refused(request: &Request) -> Refusal {
    Command::of(request, BOUNDS).expect_err("refused")
}

#[test]
fn parts_are_in_bytes() {
    let Ok(Command::Transfer(transfer)) =
        Command::of(&asks(operation::READ, 5, &[(0, 7), (2, 2)]), BOUNDS)
    else {
        panic!("a transfer")
    };
    let parts =
        vec![Part { grant: 9, offset: 0, len: 4096 }, Part { grant: 9, offset: 1024, len: 512 }];
    assert!(!transfer.write && transfer.order == Order::Free && transfer.sector == 5);
    assert_eq!(Range::for_parts(5, &parts, BOUNDS), Ok(Range { offset: 2560, len: 4608 }));
    assert_eq!(transfer.parts, Parts::Here(parts));
}

#[test]
fn wild_parts_are_refused() {
    for (first, last) in [(1, 0), (0, 8), (8, 8), (255, 255), (0, 255)] {
        let found = refused(&asks(operation::READ, 0, &[(0, 7), (first, last)]));
        assert_eq!(found, Refusal::Segment { first, last });
        let mut name = [0; 8];
        put_segment(&mut name, 0, &Segment { grant: 1, first, last });
        assert_eq!(parts_in(&name), Err(found));
    }
}

#[test]
fn wild_counts_are_refused() {
    assert_eq!(refused(&asks(operation::WRITE, 0, &[])), Refusal::Segments(0));
    let segments = [Segment::default(); SEGMENTS];
    for count in [12, 255] {
        let body = Body::Direct { operation: operation::READ, count, segments };
        assert_eq!(refused(&request(0, body)), Refusal::Segments(count.into()));
    }
    for count in [0, 257, u16::MAX] {
        let body = Body::Indirect { operation: operation::READ, count, pages: [0; 8] };
        assert_eq!(refused(&request(0, body)), Refusal::Segments(count));
    }
}

#[test]
fn wild_sectors_are_refused() {
    assert!(Command::of(&asks(operation::READ, 992, &[(0, 7)]), BOUNDS).is_ok());
    for sector in [993, 1000, u64::MAX / 512, u64::MAX - 7, u64::MAX] {
        let found = refused(&asks(operation::READ, sector, &[(0, 7)]));
        assert_eq!(found, Refusal::Range { sector, count: 8 });
        let body = Body::Discard { flag: 0, count: 8 };
        assert_eq!(refused(&request(sector, body)), found);
    }
    let body = Body::Discard { flag: 0, count: u64::MAX };
    assert_eq!(refused(&request(2, body)), Refusal::Range { sector: 2, count: u64::MAX });
}

#[test]
fn a_read_only_disk_is_only_read() {
    let write = [operation::WRITE, operation::WRITE_BARRIER, operation::FLUSH_DISKCACHE];
    for operation in write {
        let found = Command::of(&asks(operation, 0, &[(0, 0)]), READ_ONLY);
        assert_eq!(found, Err(Refusal::ReadOnly));
    }
    let indirect = Body::Indirect { operation: operation::WRITE, count: 1, pages: [0; 8] };
    let discard = Body::Discard { flag: 0, count: 1 };
    for body in [indirect, discard] {
        assert_eq!(Command::of(&request(0, body), READ_ONLY), Err(Refusal::ReadOnly));
    }
    assert_eq!(Refusal::ReadOnly.status(), status::ERROR);
    let flush = asks(operation::FLUSH_DISKCACHE, 0, &[]);
    assert_eq!(Command::of(&flush, READ_ONLY), Ok(Command::Flush));
}

#[test]
fn what_is_not_offered_is_not_supported() {
    let secure = request(0, Body::Discard { flag: DISCARD_SECURE, count: 1 });
    assert_eq!(refused(&secure), Refusal::NoDiscard);
    for operation in [4, 7, 255] {
        assert_eq!(refused(&asks(operation, 0, &[(0, 0)])), Refusal::Operation(operation));
        assert_eq!(Refusal::Operation(operation).status(), status::NOT_SUPPORTED);
    }
    for operation in [operation::WRITE_BARRIER, operation::INDIRECT, operation::DISCARD, 99] {
        let body = Body::Indirect { operation, count: 1, pages: [0; 8] };
        assert_eq!(refused(&request(0, body)), Refusal::Operation(operation));
    }
}

#[test]
fn flushes_and_barriers_keep_their_order() {
    assert_eq!(
        Command::of(&asks(operation::WRITE_BARRIER, u64::MAX, &[]), BOUNDS),
        Ok(Command::Flush)
    );
    for (operation, order) in [
        (operation::WRITE, Order::Free),
        (operation::FLUSH_DISKCACHE, Order::AfterFlush),
        (operation::WRITE_BARRIER, Order::Barrier),
    ] {
        match Command::of(&asks(operation, 0, &[(0, 0)]), BOUNDS) {
            Ok(Command::Transfer(transfer)) => {
                assert!(transfer.write);
                assert_eq!(transfer.order, order);
            }
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    /// Whatever bytes are in a slot, what comes out is within bounds.
    #[test]
    fn commands_are_within_bounds(slot in prop::collection::vec(any::<u8>(), 112)) {
        use noxs::block::{Abi32, Abi64};
        use noxs::ring::Protocol;
        for request in [Abi64::request(&slot), Abi32::request(&slot)] {
            match Command::of(&request, BOUNDS) {
                Ok(Command::Transfer(transfer)) => {
                    prop_assert!((1..=buffer::LARGEST).contains(&transfer.parts.most_bytes()));
                    if let Parts::Here(parts) = transfer.parts {
                        let range = Range::for_parts(transfer.sector, &parts, BOUNDS).unwrap();
                        prop_assert!(range.offset + range.len <= BOUNDS.sectors * SECTOR);
                        for part in parts {
                            prop_assert!(part.len >= 512 && part.offset + part.len <= 4096);
                        }
                    }
                }
                Ok(Command::Discard(range)) => {
                    prop_assert!(range.offset + range.len <= BOUNDS.sectors * SECTOR);
                }
                Ok(Command::Flush) | Err(_) => {}
            }
        }
    }

    /// The same for a page of names.
    #[test]
    fn named_parts_are_within_pages(page in prop::collection::vec(any::<u8>(), 0..2048)) {
        for part in parts_in(&page).unwrap_or_default() {
            prop_assert!(part.len >= 512 && part.offset + part.len <= 4096);
        }
    }
}
