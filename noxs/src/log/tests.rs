use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::heap::Heap;

fn read(reader: &mut Reader, memory: &Heap) -> Option<(Record, Vec<u8>)> {
    let mut text = [0; MAX_TEXT];
    let record = reader.next(&**memory, &mut text).unwrap()?;
    Some((record, text[..record.len].to_vec()))
}

#[test]
fn a_record_has_the_golden_bytes() {
    let memory = Heap::new(1);
    let mut writer = Writer::attach(&*memory);
    writer.push(&*memory, Severity::Critical, 0x0807_0605_0403_0201, b"hello").unwrap();
    let mut record = [0; 20];
    memory.read(LOG, &mut record);
    assert_eq!(record, *b"\x14\0\x02\x03\x01\x02\x03\x04\x05\x06\x07\x08hello\0\0\0");
    assert_eq!(memory.load(LOG_PRODUCED, Ordering::SeqCst), 20);
}

#[test]
fn a_full_log_counts_what_it_drops() {
    let memory = Heap::new(1);
    let (mut writer, mut reader) = (Writer::attach(&*memory), Reader::attach(&*memory));
    let mut push = || writer.push(&*memory, Severity::Info, 0, &[b'x'; 500]);
    assert_eq!([push(), push(), push()], [Ok(()), Ok(()), Err(Full)]);
    assert_eq!(memory.load(LOG_DROPPED, Ordering::SeqCst), 1);
    assert!(read(&mut reader, &memory).is_some());
    assert_eq!(push(), Err(Full), "not released yet");
    assert!(!reader.release(&*memory), "half was free");
    assert_eq!(push(), Ok(()));
    assert!(read(&mut reader, &memory).is_some() && read(&mut reader, &memory).is_some());
    assert!(reader.release(&*memory), "the guest may be waiting");
    assert!(!reader.release(&*memory));
}

#[test]
fn long_text_is_cut() {
    let memory = Heap::new(1);
    let (mut writer, mut reader) = (Writer::attach(&*memory), Reader::attach(&*memory));
    writer.push(&*memory, Severity::Debug, 1, &[b'x'; 2000]).unwrap();
    let (record, text) = read(&mut reader, &memory).unwrap();
    assert!(record.cut);
    assert_eq!(text, [b'x'; MAX_TEXT]);
}

/// A header that lies, and the rest of what was in the ring is skipped.
#[test]
fn lies_are_named_and_skipped() {
    let lies = [
        ([8, 0, 6, 0], Lie::RecordLength(8)),
        ([14, 0, 6, 0], Lie::RecordLength(14)),
        ([12, 0, 6, 1], Lie::RecordLength(12)),
        ([0, 0, 6, 0], Lie::RecordLength(0)),
        ([0xfc, 0xff, 6, 0], Lie::RecordLength(0xfffc)),
        ([36, 0, 6, 0], Lie::RecordLength(36)),
        ([16, 0, 8, 0], Lie::Severity(8)),
    ];
    for (header, lie) in lies {
        let memory = Heap::new(1);
        let mut reader = Reader::attach(&*memory);
        memory.write(LOG, &header);
        memory.store(LOG_PRODUCED, 32, Ordering::SeqCst);
        assert_eq!(reader.next(&*memory, &mut [0; MAX_TEXT]), Err(lie));
        assert_eq!(reader.next(&*memory, &mut [0; MAX_TEXT]), Ok(None));
    }
}

#[test]
fn impossible_positions_are_lies() {
    for produced in [4, 8, 13, 1028, 1 << 31, u32::MAX] {
        let memory = Heap::new(1);
        let mut reader = Reader::attach(&*memory);
        memory.store(LOG_PRODUCED, produced, Ordering::SeqCst);
        let error = RingError { produced, consumed: 0, size: 1024 };
        assert_eq!(reader.next(&*memory, &mut [0; MAX_TEXT]), Err(Lie::Ring(error)));
    }
}

proptest! {
    /// Records arrive once, whole and in order from any starting position, and every one
    /// that does not is counted.
    #[test]
    fn records_arrive_or_are_counted(
        start in any::<u32>(),
        steps in prop::collection::vec(
            prop::option::of(prop::collection::vec(any::<u8>(), 0..400)), 0..100),
    ) {
        let memory = Heap::new(1);
        let start = start & !3;
        memory.store(LOG_PRODUCED, start, Ordering::SeqCst);
        memory.store(LOG_CONSUMED, start, Ordering::SeqCst);
        let (mut writer, mut reader) = (Writer::attach(&*memory), Reader::attach(&*memory));
        let (mut expected, mut dropped) = (VecDeque::new(), 0);
        for (time, step) in (0..).zip(steps) {
            match step {
                Some(text) => match writer.push(&*memory, Severity::Notice, time, &text) {
                    Ok(()) => expected.push_back((time, text)),
                    Err(Full) => dropped += 1,
                },
                None => {
                    let got = read(&mut reader, &memory).map(|(r, text)| (r.time_ns, text));
                    prop_assert_eq!(got, expected.pop_front());
                    reader.release(&*memory);
                }
            }
        }
        prop_assert_eq!(memory.load(LOG_DROPPED, Ordering::SeqCst), dropped);
    }

    /// Whatever a header says, its record is inside of what waits, or a lie.
    #[test]
    fn any_header_is_bounded(header in any::<[u8; HEADER]>(), waiting in 0..=SIZE) {
        if let Ok((len, record)) = parse(&header, waiting) {
            prop_assert!(u32::from(len) <= waiting);
            prop_assert!(record.len + HEADER <= usize::from(len));
        }
    }
}
