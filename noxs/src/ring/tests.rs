use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::heap::Heap;
use crate::{RawShared, SharedMemory, bytes};
use core::sync::atomic::Ordering;

/// A protocol of one number each way, in slots of an odd size.
struct Numbers;

impl Protocol for Numbers {
    type Request = u64;
    type Response = u32;
    const SLOT: usize = 108;
    const RESPONSE: usize = 4;

    fn request(slot: &[u8]) -> u64 {
        bytes::u64(slot, 100)
    }

    fn put_request(request: &u64, slot: &mut [u8]) {
        bytes::put(slot, 100, &request.to_le_bytes());
    }

    fn response(slot: &[u8]) -> u32 {
        bytes::u32(slot, 0)
    }

    fn put_response(response: &u32, slot: &mut [u8]) {
        bytes::put(slot, 0, &response.to_le_bytes());
    }
}

type Pair<'a> = (Front<&'a RawShared, Numbers>, Back<&'a RawShared, Numbers>);

fn pair(memory: &Heap) -> Pair<'_> {
    (Front::create(&**memory), Back::attach(&**memory))
}

/// Answers with one publication; true when the front end wants to be notified.
fn answer(back: &mut Back<&RawShared, Numbers>, answers: &[u32]) -> bool {
    let record = Heap::new(1);
    let redo = Redo::new(&*record);
    let mut publication = back.publish(&redo);
    answers.iter().for_each(|answer| publication.respond(answer));
    publication.finish()
}

#[test]
fn sizes_are_those_of_xen() {
    struct Slots<const N: usize>;
    impl<const N: usize> Protocol for Slots<N> {
        type Request = ();
        type Response = ();
        const SLOT: usize = N;
        const RESPONSE: usize = 0;
        fn request(_: &[u8]) {}
        fn put_request((): &(), _: &mut [u8]) {}
        fn response(_: &[u8]) {}
        fn put_response((): &(), _: &mut [u8]) {}
    }
    // Block and network, one page; block, 2 and 16 pages.
    assert_eq!(slots::<Slots<112>>(4096), 32);
    assert_eq!(slots::<Slots<108>>(4096), 32);
    assert_eq!(slots::<Slots<12>>(4096), 256);
    assert_eq!(slots::<Slots<8>>(4096), 256);
    assert_eq!(slots::<Slots<112>>(8192), 64);
    assert_eq!(slots::<Slots<112>>(65536), 512);
}

#[test]
fn a_fresh_ring_has_the_golden_bytes() {
    let memory = Heap::new(1);
    let (mut front, mut back) = pair(&memory);
    front.request(&0x0807_0605_0403_0201);
    assert!(front.push());
    let mut head = [0; 16];
    memory.read(0, &mut head);
    assert_eq!(head, [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(back.next_request(), Ok(Some(0x0807_0605_0403_0201)));
    assert!(answer(&mut back, &[7]));
    memory.read(0, &mut head);
    assert_eq!(head, [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn who_did_not_ask_is_not_notified() {
    let memory = Heap::new(1);
    let (mut front, mut back) = pair(&memory);
    front.request(&1);
    assert!(front.push());
    front.request(&2);
    assert!(!front.push(), "the back end has not slept since");
    assert!(back.final_check().unwrap());
    while back.next_request().unwrap().is_some() {}
    assert!(!back.final_check().unwrap());
    assert!(answer(&mut back, &[0, 0]) && !answer(&mut back, &[]));
    front.request(&3);
    assert!(front.push());
}

#[test]
fn a_new_back_end_is_asked_what_was_not_answered() {
    let memory = Heap::new(1);
    let (mut front, mut back) = pair(&memory);
    for number in 0..5 {
        front.request(&number);
    }
    let _ = front.push();
    for _ in 0..4 {
        back.next_request().unwrap();
    }
    let _ = answer(&mut back, &[0]);

    let mut next = Back::<_, Numbers>::attach(&*memory);
    let asked: Vec<_> = core::iter::from_fn(|| next.next_request().unwrap()).collect();
    assert_eq!(asked, [1, 2, 3, 4]);
}

#[test]
fn indexes_that_lie_are_errors() {
    let memory = Heap::new(1);
    for (produced, wrong) in [(32, false), (33, true), (u32::MAX, true), (1 << 31, true)] {
        let (mut front, mut back) = pair(&memory);
        memory.store(offset::REQ_PROD, produced, Ordering::SeqCst);
        assert_eq!(back.next_request().is_err(), wrong, "{produced}");
        memory.store(offset::RSP_PROD, produced, Ordering::SeqCst);
        assert!(front.next_response().is_err(), "{produced}");
    }
    let (mut front, mut back) = pair(&memory);
    front.request(&1);
    front.request(&2);
    let _ = front.push();
    back.next_request().unwrap();
    back.next_request().unwrap();
    memory.store(offset::REQ_PROD, 1, Ordering::SeqCst);
    let error = RingError { produced: 1, consumed: 2, size: 32 };
    assert_eq!(back.next_request(), Err(error));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask,
    PushRequests,
    Take,
    Answer(usize),
    TakeResponse,
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let simple = prop::sample::select(&[Ask, PushRequests, Take, TakeResponse][..]);
    prop_oneof![4 => simple, 2 => (0..4_usize).prop_map(Answer)]
}

proptest! {
    /// Whatever the order of steps, everything arrives once and in order, across the wrap of
    /// the indexes, and neither side sees an error.
    #[test]
    fn everything_arrives_in_order(steps in prop::collection::vec(step(), 0..800)) {
        let memory = Heap::new(1);
        let (mut front, mut back) = pair(&memory);
        let (mut asked, mut taken, mut answered) = (0u64, VecDeque::new(), 0u32);
        for step in steps {
            match step {
                Step::Ask if front.free() > 0 => {
                    front.request(&asked);
                    asked += 1;
                }
                Step::PushRequests => drop(front.push()),
                Step::Take => taken.extend(back.next_request().unwrap()),
                Step::Answer(most) => {
                    let numbers = taken.drain(..most.min(taken.len()));
                    let numbers: Vec<_> = numbers.map(|n| u32::try_from(n).unwrap()).collect();
                    let _ = self::answer(&mut back, &numbers);
                }
                Step::TakeResponse => if let Some(number) = front.next_response().unwrap() {
                    prop_assert_eq!(number, answered);
                    answered += 1;
                },
                Step::Ask => {}
            }
            prop_assert!(back.unanswered() <= back.size());
        }
    }

    /// Whatever is in the ring, reading it ends and never gives more than the ring holds.
    #[test]
    fn garbage_is_survived(head in any::<[u8; 16]>()) {
        let memory = Heap::new(1);
        memory.write(0, &head);
        let mut back = Back::<_, Numbers>::attach(&*memory);
        let mut taken = 0;
        while let Ok(Some(_)) = back.next_request() {
            taken += 1;
        }
        prop_assert!(taken <= 32);
        let mut front = Front::<_, Numbers>::attach(&*memory);
        while let Ok(Some(_)) = front.next_response() {}
    }
}
