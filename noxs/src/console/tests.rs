use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::heap::Heap;

#[test]
fn offsets_are_those_of_xen() {
    assert_eq!((IN, OUT), (0, 1024));
    assert_eq!([IN_CONSUMED, IN_PRODUCED, OUT_CONSUMED, OUT_PRODUCED], [3072, 3076, 3080, 3084]);
}

#[test]
fn what_was_printed_and_typed_has_the_golden_bytes() {
    let memory = Heap::new(1);
    let (mut front, mut back) = (Front::attach(&*memory), Back::attach(&*memory));
    assert_eq!((front.write(b"out"), back.write(b"in")), (Ok(3), Ok(2)));
    let mut bytes = [0; 3];
    memory.read(OUT, &mut bytes);
    assert_eq!(bytes, *b"out");
    memory.read(IN, &mut bytes);
    assert_eq!(bytes, *b"in\0");
    let mut positions = [0; 16];
    memory.read(IN_CONSUMED, &mut positions);
    assert_eq!(positions, [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
}

#[test]
fn a_full_ring_takes_what_fits() {
    let memory = Heap::new(1);
    let (mut front, mut back) = (Front::attach(&*memory), Back::attach(&*memory));
    assert_eq!(front.write(&[b'x'; 3000]), Ok(2048));
    assert_eq!(front.write(b"y"), Ok(0));
    assert_eq!(back.read(&mut [0; 100]), Ok(100));
    assert_eq!(front.write(b"y"), Ok(0), "the room is not released yet");
    assert!(back.release() && !back.release());
    assert_eq!(front.write(&[b'y'; 200]), Ok(100));
    assert_eq!(back.write(&[b'z'; 2000]), Ok(1024));
}

#[test]
fn a_new_back_end_reads_what_was_not_released() {
    let memory = Heap::new(1);
    let (mut front, mut back) = (Front::attach(&*memory), Back::attach(&*memory));
    front.write(b"hello").unwrap();
    back.read(&mut [0; 3]).unwrap();
    let mut again = [0; 9];
    assert_eq!(Back::attach(&*memory).read(&mut again), Ok(5));
    assert_eq!(again[..5], *b"hello");
}

#[test]
fn impossible_positions_are_errors_and_can_be_skipped() {
    for produced in [2049, 1 << 31, u32::MAX] {
        let memory = Heap::new(1);
        let mut back = Back::attach(&*memory);
        memory.store(OUT_PRODUCED, produced, Ordering::SeqCst);
        assert_eq!(back.read(&mut [0; 9]), Err(RingError { produced, consumed: 0, size: 2048 }));
        back.skip();
        assert_eq!(back.read(&mut [0; 9]), Ok(0));
        memory.store(IN_CONSUMED, 1, Ordering::SeqCst);
        assert!(back.write(b"x").is_err());
    }
}

proptest! {
    /// Bytes arrive once and in order both ways, across the wrap of the positions.
    #[test]
    fn bytes_arrive_in_order(
        start in any::<u32>(),
        sizes in prop::collection::vec((0..3000_usize, 0..3000_usize), 0..60),
    ) {
        let memory = Heap::new(1);
        for at in [IN_CONSUMED, IN_PRODUCED, OUT_CONSUMED, OUT_PRODUCED] {
            memory.store(at, start, Ordering::SeqCst);
        }
        let (mut front, mut back) = (Front::attach(&*memory), Back::attach(&*memory));
        let pattern: Vec<u8> = (0..=250).cycle().take(200_000).collect();
        let (mut out, mut printed, mut typed, mut input) = (0, 0, 0, 0);
        let mut buffer = [0; 3000];
        for (write, read) in sizes {
            printed += front.write(&pattern[printed..][..write]).unwrap();
            typed += back.write(&pattern[typed..][..write]).unwrap();
            let n = back.read(&mut buffer[..read]).unwrap();
            prop_assert_eq!(&buffer[..n], &pattern[out..out + n]);
            out += n;
            let _ = back.release();
            let n = front.read(&mut buffer[..read]).unwrap();
            prop_assert_eq!(&buffer[..n], &pattern[input..input + n]);
            input += n;
        }
    }

    /// Whatever the page holds, no access leaves it.
    #[test]
    fn any_page_is_survived(words in any::<[u32; 4]>(), len in 0..4096_usize) {
        let memory = Heap::new(1);
        for (at, word) in [IN_CONSUMED, IN_PRODUCED, OUT_CONSUMED, OUT_PRODUCED].into_iter().zip(words) {
            memory.store(at, word, Ordering::SeqCst);
        }
        let mut buffer = [0; 4096];
        let mut back = Back::attach(&*memory);
        if let Ok(n) = back.read(&mut buffer[..len]) {
            prop_assert!(n <= len.min(2048));
        }
        let _ = back.write(&buffer[..len]);
        let mut front = Front::attach(&*memory);
        let _ = (front.write(&buffer[..len]), front.read(&mut buffer[..len]));
    }
}
