//! Back ends that are killed between any two stores, and those that come after them.

use std::boxed::Box;
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec::Vec;

use core::cell::Cell;
use core::fmt::Debug;

use proptest::prelude::*;

use super::*;
use crate::RawShared;
use crate::block::{Abi32, Abi64, Body, Request, Response, SEGMENTS, Segment};
use crate::heap::Heap;
use crate::net::{Rx, RxRequest, RxResponse, Tx, TxRequest, TxResponse};
use crate::ring::Front;

/// Memory as a program sees it that is killed after some more stores: it goes on, but nothing
/// that it stores arrives.
struct Dying<'a> {
    memory: &'a Heap,
    /// Stores that still arrive.
    left: Rc<Cell<usize>>,
}

impl Dying<'_> {
    fn lives(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

impl SharedMemory for Dying<'_> {
    fn len(&self) -> usize {
        self.memory.len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        self.memory.read(offset, into);
    }

    /// A store for each word, or each byte of a part of one.
    fn write(&self, mut offset: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let len = if offset.is_multiple_of(4) && bytes.len() >= 4 { 4 } else { 1 };
            if self.lives() {
                self.memory.write(offset, &bytes[..len]);
            }
            (offset, bytes) = (offset + len, &bytes[len..]);
        }
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.memory.load(offset, order)
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        if self.lives() {
            self.memory.store(offset, value, order);
        }
    }

    fn swap(&self, _: usize, _: u32) -> u32 {
        unreachable!("rings do not swap")
    }

    fn fetch_or(&self, _: usize, _: u32) -> u32 {
        unreachable!("rings do not set bits")
    }
}

/// A protocol whose requests can be told apart, also from responses in their place.
trait Marked: Protocol {
    fn ask(number: u16) -> Self::Request;
    /// The request's number, if it is one as it was asked.
    fn asked(request: &Self::Request) -> Option<u16>;
    fn answer(number: u16) -> Self::Response;
    /// The answered request's number, if it is an answer as it was given.
    fn answered(response: &Self::Response) -> Option<u16>;
}

macro_rules! marked_disk {
    ($abi:ty) => {
        impl Marked for $abi {
            fn ask(number: u16) -> Request {
                let segments = [Segment { grant: 0xffff_0000, first: 1, last: 7 }; SEGMENTS];
                let body = Body::Direct { operation: 1, count: 11, segments };
                Request { id: number.into(), sector: u64::MAX, handle: 0x5555, body }
            }

            fn asked(request: &Request) -> Option<u16> {
                let number = u16::try_from(request.id).ok()?;
                (*request == Self::ask(number)).then_some(number)
            }

            fn answer(number: u16) -> Response {
                Response { id: number.into(), operation: 1, status: -1 }
            }

            fn answered(response: &Response) -> Option<u16> {
                let number = u16::try_from(response.id).ok()?;
                (*response == Self::answer(number)).then_some(number)
            }
        }
    };
}

marked_disk!(Abi64);
marked_disk!(Abi32);

impl Marked for Tx {
    fn ask(id: u16) -> Self::Request {
        TxRequest { grant: u32::MAX, offset: 1, flags: 0xf000, id, size: 1500 }.into()
    }

    fn asked(request: &Self::Request) -> Option<u16> {
        let id = request.request().id;
        (*request == Self::ask(id)).then_some(id)
    }

    fn answer(id: u16) -> TxResponse {
        TxResponse { id, status: -1 }
    }

    fn answered(response: &TxResponse) -> Option<u16> {
        (*response == Self::answer(response.id)).then_some(response.id)
    }
}

impl Marked for Rx {
    fn ask(id: u16) -> RxRequest {
        RxRequest { id, grant: u32::MAX }
    }

    fn asked(request: &RxRequest) -> Option<u16> {
        (*request == Self::ask(request.id)).then_some(request.id)
    }

    fn answer(id: u16) -> Self::Response {
        RxResponse { id, offset: 0x1111, flags: 1, status: 1500 }.into()
    }

    fn answered(response: &Self::Response) -> Option<u16> {
        let id = response.response().id;
        (*response == Self::answer(id)).then_some(id)
    }
}

/// What a back end does before the next step.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Requests asked, taken and answered, at most.
    ask: u16,
    take: usize,
    answer: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..5_u16, 0..6_usize, 0..6_usize).prop_map(|(ask, take, answer)| Step {
        ask,
        take,
        answer,
    });
    prop::collection::vec(step, 1..8)
}

/// Shared memory as a daemon that may die has it mapped.
type Mapping<'a> = Box<dyn SharedMemory + 'a>;

struct World {
    ring: Heap,
    record: Heap,
    /// Bytes of the record: some have room for a few responses only.
    room: usize,
}

impl World {
    fn record(&self) -> Vec<u8> {
        let mut bytes = std::vec![0; self.room];
        self.record.read(0, &mut bytes);
        bytes
    }

    /// A back end as a daemon has it that lives for so many stores.
    fn back<P: Protocol>(
        &self,
        lives: usize,
    ) -> (Back<Mapping<'_>, P>, Redo<Mapping<'_>>, Rc<Cell<usize>>) {
        let left = Rc::new(Cell::new(lives));
        let dying = |memory| Box::new(Dying { memory, left: Rc::clone(&left) });
        let ring: Mapping<'_> = dying(&self.ring);
        if let Some(unfinished) = Unfinished::read(&self.record()) {
            unfinished.finish::<_, P>(&ring);
        }
        // The record is only used again when what it said is done.
        let redo = Redo::new(dying(&self.record) as Mapping<'_>);
        (Back::attach(ring), redo, left)
    }
}

/// A front end that asks what was not asked, and is answered in order.
struct Asker<'a, P> {
    front: Front<&'a RawShared, P>,
    asked: u16,
    answered: u16,
}

impl<P: Marked> Asker<'_, P>
where
    P::Response: Debug,
{
    fn ask(&mut self, most: u16) {
        for _ in 0..most.min(u16::try_from(self.front.free()).unwrap()) {
            self.front.request(&P::ask(self.asked));
            self.asked += 1;
        }
        let _ = self.front.push();
    }

    fn hear(&mut self) {
        while let Some(response) = self.front.next_response().unwrap() {
            assert_eq!(P::answered(&response), Some(self.answered), "{response:?}");
            self.answered += 1;
        }
    }
}

/// Lets back ends serve that live for `lives` stores each, and one at the end that is not killed.
fn kill<P: Marked>(steps: &[Step], lives: impl IntoIterator<Item = usize>, room: usize)
where
    P::Response: Debug,
{
    let world = World { ring: Heap::new(1), record: Heap::new(1), room };
    let mut asker = Asker::<P> { front: Front::create(&*world.ring), asked: 0, answered: 0 };
    for lives in lives.into_iter().chain([usize::MAX]) {
        let (mut back, redo, left) = world.back::<P>(lives);
        let mut taken = VecDeque::new();
        for step in steps {
            asker.ask(step.ask);
            if left.get() > 0 {
                serve(&mut back, &redo, &mut taken, *step);
            }
            asker.hear();
        }
        if lives == usize::MAX {
            serve(&mut back, &redo, &mut taken, Step { ask: 0, take: 999, answer: 999 });
        }
        asker.hear();
    }
    assert_eq!(asker.answered, asker.asked);
}

fn serve<P: Marked, M: SharedMemory>(
    back: &mut Back<M, P>,
    redo: &Redo<M>,
    taken: &mut VecDeque<u16>,
    step: Step,
) {
    for _ in 0..step.take {
        let Some(request) = back.next_request().unwrap() else { break };
        taken.push_back(P::asked(&request).expect("a request"));
    }
    let mut publication = back.publish(redo);
    for number in taken.drain(..step.answer.min(taken.len())) {
        publication.respond(&P::answer(number));
    }
    let _ = publication.finish();
}

fn kill_all(steps: &[Step], lives: &[usize], room: usize) {
    kill::<Abi64>(steps, lives.iter().copied(), room);
    kill::<Abi32>(steps, lives.iter().copied(), room);
    kill::<Tx>(steps, lives.iter().copied(), room);
    kill::<Rx>(steps, lives.iter().copied(), room);
}

/// A back end is killed after each of the stores it makes, and the next one again.
#[test]
fn killed_after_every_store() {
    let steps = [Step { ask: 3, take: 2, answer: 2 }, Step { ask: 1, take: 5, answer: 5 }];
    for first in 0..90 {
        for second in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
            kill_all(&steps, &[first, second, first], 4096);
        }
    }
}

proptest! {
    /// Whatever a back end was at when it was killed, and the next ones: every request is
    /// answered once, in order and as it was meant.
    #[test]
    fn every_request_is_answered_once(
        steps in steps(),
        lives in prop::collection::vec(0..250_usize, 0..8),
        small in any::<bool>(),
    ) {
        kill_all(&steps, &lives, if small { CONTENT + LARGEST_SLOT } else { 4096 });
    }

    /// Whatever is in a record, it stays within the ring, and the ring's positions make sense.
    #[test]
    fn any_record_is_survived(
        mut record in prop::collection::vec(any::<u8>(), 0..400),
        head in prop::option::of((0..40_u32, 0..3_u32, 0..20_u32)),
        produced in 0..40_u32,
    ) {
        if let (Some((count, first, length)), Some(start)) = (head, record.first_chunk_mut::<12>()) {
            let words = [count, first, length].map(u32::to_le_bytes);
            start.copy_from_slice(words.as_flattened());
        }
        let ring = Heap::new(1);
        ring.store(offset::REQ_PROD, produced, Ordering::SeqCst);
        if let Some(unfinished) = Unfinished::read(&record) {
            let done = unfinished.finish::<_, Abi64>(&&*ring);
            prop_assert!(!unfinished.finish::<_, Abi64>(&&*ring) || !done);
        }
        prop_assert!(ring.load(offset::RSP_PROD, Ordering::SeqCst) <= produced);
    }
}
