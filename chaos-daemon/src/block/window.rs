//! Requests are done in any order and answered in the order they were asked: a response is
//! written over its own request, so that after the daemon's death the ring still holds every
//! request that was not answered.

use std::collections::VecDeque;

use noxs::block::Response;

/// The requests of a ring that are not answered yet; never more than the ring has slots.
#[derive(Debug)]
pub(super) struct Window<T> {
    /// Number of the first.
    first: u32,
    slots: VecDeque<Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    id: u64,
    operation: u8,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Open(T),
    Done(i16),
}

impl<T> Window<T> {
    /// A window without requests.
    pub(super) fn new() -> Window<T> {
        Window { first: 0, slots: VecDeque::new() }
    }

    /// Takes the next request in; its number is known until it is answered.
    pub(super) fn open(&mut self, id: u64, operation: u8, work: T) -> u32 {
        let number = self.first.wrapping_add(self.unanswered());
        self.slots.push_back(Slot { id, operation, state: State::Open(work) });
        number
    }

    /// The work on a request, while it is not done.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        match &mut self.slot(number)?.state {
            State::Open(work) => Some(work),
            State::Done(_) => None,
        }
    }

    /// Takes note of how a request ended; gives back the work, once.
    pub(super) fn close(&mut self, number: u32, status: i16) -> Option<T> {
        let slot = self.slot(number)?;
        match std::mem::replace(&mut slot.state, State::Done(status)) {
            State::Open(work) => Some(work),
            State::Done(earlier) => {
                slot.state = State::Done(earlier);
                None
            }
        }
    }

    /// The oldest request's response, if it is done.
    pub(super) fn answer(&mut self) -> Option<Response> {
        let Slot { id, operation, state: State::Done(status) } = self.slots.front()? else {
            return None;
        };
        let response = Response { id: *id, operation: *operation, status: *status };
        self.slots.pop_front();
        self.first = self.first.wrapping_add(1);
        Some(response)
    }

    /// Requests not answered.
    pub(super) fn unanswered(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("a ring has fewer slots")
    }

    fn slot(&mut self, number: u32) -> Option<&mut Slot<T>> {
        self.slots.get_mut(usize::try_from(number.wrapping_sub(self.first)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_closed_once() {
        let mut window = Window::new();
        let number = window.open(7, 1, "work");
        assert_eq!(window.get_mut(number), Some(&mut "work"));
        assert_eq!(window.close(number, -1), Some("work"));
        assert_eq!(window.close(number, 0), None);
        assert_eq!(window.get_mut(number), None);
        assert_eq!(window.answer(), Some(Response { id: 7, operation: 1, status: -1 }));
        assert_eq!(
            (window.answer(), window.close(number, 0), window.unanswered()),
            (None, None, 0)
        );
    }

    proptest! {
        /// Closed in any order, answered in the order of opening, across the wrap of numbers.
        #[test]
        fn answers_come_in_order(picks in prop::collection::vec((any::<bool>(), 0usize..64), 0..300)) {
            let mut window = Window { first: u32::MAX - 20, slots: VecDeque::new() };
            let (mut open, mut asked, mut answered) = (Vec::new(), 0u64, 0u64);
            for (ask, pick) in picks {
                if ask {
                    open.push((window.open(asked, 0, asked), asked));
                    asked += 1;
                } else if !open.is_empty() {
                    let (number, id) = open.swap_remove(pick % open.len());
                    prop_assert_eq!(window.close(number, 0), Some(id));
                }
                while let Some(response) = window.answer() {
                    prop_assert_eq!(response.id, answered);
                    prop_assert!(!open.iter().any(|&(_, id)| id == answered));
                    answered += 1;
                }
                let first = open.iter().map(|&(_, id)| id).min().unwrap_or(asked);
                prop_assert_eq!(answered, first);
            }
        }
    }
}
