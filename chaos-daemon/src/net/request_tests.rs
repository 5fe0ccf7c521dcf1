//! Packets as honest and other guests describe them.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use noxs::RawShared;
use noxs::net::{ExtraInfo, TxSlot};
use noxs::ring::Front;
use proptest::prelude::*;

use super::*;

#[repr(C, align(4096))]
struct Ring(UnsafeCell<[u8; 4096]>);

fn with_ring<T>(test: impl FnOnce(Front<&RawShared, Tx>, Back<&RawShared, Tx>) -> T) -> T {
    let page = Box::new(Ring(UnsafeCell::new([0; 4096])));
    let base = NonNull::new(page.0.get().cast()).unwrap();
    // SAFETY: the page outlives the test and is reached through this value alone.
    let memory = unsafe { RawShared::new(base, 4096) };
    test(Front::create(&memory), Back::attach(&memory))
}

fn piece(size: u16, offset: u16, flags: u16) -> TxSlot {
    TxRequest { grant: 5, offset, flags, id: 9, size }.into()
}

/// What the back end makes of slots, all published at once.
fn read(slots: &[TxSlot]) -> Result<Vec<(Description, Vec<Piece>)>, Fault> {
    with_ring(|mut front, mut back| {
        for slot in slots {
            front.request(slot);
        }
        let _ = front.push();
        let mut pieces = Vec::new();
        let mut packets = Vec::new();
        while let Some(packet) = next(&mut back, &mut pieces)? {
            let own = pieces[packet.pieces.clone()].to_vec();
            packets.push((packet, own));
        }
        Ok(packets)
    })
}

fn state(slots: &[TxSlot]) -> Result<(), Wrong> {
    let packets = read(slots).unwrap();
    assert_eq!(packets.len(), 1);
    packets[0].0.state
}

#[test]
fn the_first_piece_is_what_the_others_leave() {
    let slots =
        [piece(5000, 100, flags::MORE_DATA), piece(2000, 0, flags::MORE_DATA), piece(2900, 7, 0)];
    let packets = read(&slots).unwrap();
    let sizes: Vec<u16> = packets[0].1.iter().map(|piece| piece.size).collect();
    assert_eq!((packets[0].0.state, sizes), (Ok(()), vec![100, 2000, 2900]));
}

#[test]
fn a_long_packet_says_how_it_is_to_be_cut() {
    let extra = ExtraInfo::gso(extra::GSO_TCPV6, 1440);
    let slots = [
        piece(3000, 0, flags::EXTRA_INFO | flags::MORE_DATA),
        extra.into(),
        piece(2000, 0, 0),
        piece(60, 0, 0),
    ];
    let packets = read(&slots).unwrap();
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0].0.extras, 1);
    assert_eq!(packets[0].0.gso, Some(Gso { kind: GsoKind::Tcp6, size: 1440 }));
}

#[test]
fn lies_are_answered_and_the_guest_goes_on() {
    let more = flags::MORE_DATA;
    assert_eq!(state(&[piece(13, 0, 0)]), Err(Wrong::Size));
    assert_eq!(state(&[piece(100, 0, more), piece(101, 0, 0)]), Err(Wrong::Size));
    assert_eq!(state(&[piece(100, 4000, 0)]), Err(Wrong::PageEnd));
    assert_eq!(state(&[piece(100, 0, more), piece(50, u16::MAX, 0)]), Err(Wrong::PageEnd));
    let mut many = vec![piece(100, 0, more); 18];
    many.push(piece(1, 0, 0));
    assert_eq!(state(&many), Err(Wrong::Size));
    let gso = ExtraInfo::gso(7, 1440);
    assert_eq!(state(&[piece(100, 0, flags::EXTRA_INFO), gso.into()]), Err(Wrong::Gso));
    let mut many = vec![piece(4000, 0, more)];
    many.extend(vec![piece(10, 0, more); 17]);
    many.push(piece(10, 0, 0));
    assert_eq!(state(&many), Err(Wrong::Pieces));
}

#[test]
fn a_protocol_that_is_broken_disconnects() {
    let unknown = ExtraInfo { kind: 9, flags: 0, data: [0; 6] };
    let endless = ExtraInfo { kind: extra::HASH, flags: extra::FLAG_MORE, data: [0; 6] };
    let mut without_end = vec![piece(100, 0, flags::EXTRA_INFO)];
    without_end.extend([TxSlot::from(endless); 10]);
    let broken = [
        vec![piece(100, 0, flags::MORE_DATA)],
        vec![piece(100, 0, flags::EXTRA_INFO)],
        vec![piece(100, 0, flags::EXTRA_INFO), unknown.into()],
        vec![piece(100, 0, flags::MORE_DATA); 30],
        without_end,
    ];
    for slots in broken {
        assert!(matches!(read(&slots), Err(Fault::Protocol(_))), "{slots:?}");
    }
}

proptest! {
    #[test]
    fn what_is_accepted_stays_in_its_pages(
        slots in proptest::collection::vec((any::<u32>(), 0..4200u16, any::<u16>(), any::<u16>(), 0..9000u16), 1..60),
    ) {
        let slots: Vec<TxSlot> = slots
            .into_iter()
            .map(|(grant, offset, flags, id, size)| TxRequest { grant, offset, flags: flags & 0xf, id, size }.into())
            .collect();
        let Ok(packets) = read(&slots) else { return Ok(()) };
        for (packet, pieces) in packets {
            prop_assert!(pieces.len() <= FATAL_PIECES);
            if packet.state.is_err() { continue }
            prop_assert!(pieces.len() <= MAX_PIECES && packet.size >= 14);
            let sum: u32 = pieces.iter().map(|piece| u32::from(piece.size)).sum();
            prop_assert_eq!(sum, u32::from(packet.size));
            for piece in pieces {
                prop_assert!(usize::from(piece.offset) + usize::from(piece.size) <= PAGE);
            }
        }
    }
}
