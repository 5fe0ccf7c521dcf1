use proptest::prelude::*;

use super::*;
use crate::ring::Protocol;

fn segments() -> [Segment; SEGMENTS] {
    let mut segments = [Segment::default(); SEGMENTS];
    segments[0] = Segment { grant: 0x1122_3344, first: 1, last: 7 };
    segments[10] = Segment { grant: 0xaabb_ccdd, first: 0, last: 2 };
    segments
}

fn slot<P: Protocol<Request = Request>>(body: Body) -> ([u8; 112], usize) {
    let mut slot = [0xee; 112];
    let request = Request { id: 0x0102_0304_0506_0708, sector: 0x99, handle: 0xca02, body };
    P::put_request(&request, &mut slot[..P::SLOT]);
    assert_eq!(P::request(&slot[..P::SLOT]), request);
    (slot, P::SLOT)
}

/// Golden bytes, worked out by hand from the structures.
#[test]
fn direct_requests() {
    let body = Body::Direct { operation: operation::WRITE, count: 11, segments: segments() };
    let (slot, size) = slot::<Abi64>(body);
    assert_eq!(slot[..8], [1, 11, 0x02, 0xca, 0, 0, 0, 0]);
    assert_eq!(slot[8..16], [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(slot[16..24], [0x99, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(slot[24..32], [0x44, 0x33, 0x22, 0x11, 1, 7, 0, 0]);
    assert_eq!(slot[104..size], [0xdd, 0xcc, 0xbb, 0xaa, 0, 2, 0, 0]);

    let (slot, size) = self::slot::<Abi32>(body);
    assert_eq!(slot[..12], [1, 11, 0x02, 0xca, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(slot[12..20], [0x99, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(slot[20..28], [0x44, 0x33, 0x22, 0x11, 1, 7, 0, 0]);
    assert_eq!(slot[100..size], [0xdd, 0xcc, 0xbb, 0xaa, 0, 2, 0, 0]);
}

#[test]
fn indirect_requests() {
    let pages = [1, 2, 3, 4, 5, 6, 7, 0x0807_0605];
    let body = Body::Indirect { operation: operation::READ, count: 0x0201, pages };
    let (slot, _) = slot::<Abi64>(body);
    assert_eq!(slot[..4], [6, 0, 1, 2]);
    assert_eq!(slot[24..32], [0x02, 0xca, 0, 0, 1, 0, 0, 0]);
    assert_eq!(slot[56..60], [5, 6, 7, 8]);
    let (slot, _) = self::slot::<Abi32>(body);
    assert_eq!(slot[..4], [6, 0, 1, 2]);
    assert_eq!(slot[20..28], [0x02, 0xca, 0, 0, 1, 0, 0, 0]);
    assert_eq!(slot[52..56], [5, 6, 7, 8]);
}

#[test]
fn discards() {
    let body = Body::Discard { flag: DISCARD_SECURE, count: 0x0a0b };
    let (slot, _) = slot::<Abi64>(body);
    assert_eq!(slot[..4], [5, 1, 0x02, 0xca]);
    assert_eq!(slot[24..32], [0x0b, 0x0a, 0, 0, 0, 0, 0, 0]);
    let (slot, _) = self::slot::<Abi32>(body);
    assert_eq!(slot[20..28], [0x0b, 0x0a, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn responses() {
    let response = Response { id: 0x0102_0304_0506_0708, operation: 6, status: -2 };
    let mut slot = [0; 112];
    assert_eq!((Abi64::RESPONSE, Abi32::RESPONSE), (16, 12));
    Abi64::put_response(&response, &mut slot);
    assert_eq!(slot[..12], [8, 7, 6, 5, 4, 3, 2, 1, 6, 0, 0xfe, 0xff]);
    assert_eq!(Abi64::response(&slot), response);
    Abi32::put_response(&response, &mut slot);
    assert_eq!(Abi32::response(&slot), response);
}

proptest! {
    /// Every slot reads as some request, and what it says survives being written.
    #[test]
    fn any_slot_is_a_request(slot in prop::array::uniform32(any::<u8>()), fill in any::<u8>()) {
        fn check<P: Protocol<Request = Request>>(bytes: &[u8]) {
            let request = P::request(&bytes[..P::SLOT]);
            let mut again = [0; 112];
            P::put_request(&request, &mut again[..P::SLOT]);
            assert_eq!(P::request(&again[..P::SLOT]), request);
        }
        let mut bytes = [fill; 112];
        bytes[..32].copy_from_slice(&slot);
        check::<Abi64>(&bytes);
        check::<Abi32>(&bytes);
    }
}
