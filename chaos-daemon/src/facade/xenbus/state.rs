//! The states of a XenBus device (`public/io/xenbus.h`), and how the back end's follow
//! the front end's.
//!
//! ```text
//!             front end 3 or 4           host attached
//!   Waiting ───────────────▶ Attaching ───────────────▶ Attached
//!    ▲   ▲                       │ refused                  │ front end 5, 6, 1, gone,
//!    │   │ front end 1           ▼                          ▼ or the device is taken away
//!    │   └───────────────── Closing ◀───────────────── Detaching
//!    │ front end 1              │ front end 6     host detached
//!    └──────────── Closed ◀─────┘
//! ```

use serde::{Deserialize, Serialize};

/// `enum xenbus_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub enum State {
    Unknown = 0,
    Initialising = 1,
    InitWait = 2,
    Initialised = 3,
    Connected = 4,
    Closing = 5,
    Closed = 6,
    Reconfiguring = 7,
    Reconfigured = 8,
}

impl State {
    /// From the text of a `state` node; [`State::Unknown`] for anything odd or nothing.
    pub fn parse(text: Option<&str>) -> State {
        match text {
            Some("1") => State::Initialising,
            Some("2") => State::InitWait,
            Some("3") => State::Initialised,
            Some("4") => State::Connected,
            Some("5") => State::Closing,
            Some("6") => State::Closed,
            Some("7") => State::Reconfiguring,
            Some("8") => State::Reconfigured,
            _ => State::Unknown,
        }
    }
}

/// Where a device's back end stands; `F` is what the front end said about its rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase<F> {
    /// Ready for a front end.
    Waiting,
    /// The host was asked to attach.
    Attaching(F),
    /// Served.
    Attached(F),
    /// The host was asked to detach.
    Detaching,
    /// Nothing of the guest's is held any more.
    Closing,
    /// Over, unless the front end begins anew.
    Closed,
}

/// What a change of the front end's state calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    Attach,
    Detach,
    Close,
    Finish,
    Wait,
}

impl<F> Phase<F> {
    /// The state a guest reads.
    pub(super) fn state(&self) -> State {
        match self {
            Phase::Waiting | Phase::Attaching(_) => State::InitWait,
            Phase::Attached(_) => State::Connected,
            Phase::Detaching | Phase::Closing => State::Closing,
            Phase::Closed => State::Closed,
        }
    }

    /// What to do when the front end is in state `front`; `ready` is the first state
    /// in which its rings are there.
    pub(super) fn step(&self, front: State, ready: State) -> Step {
        let arrived = front == State::Connected || front == ready;
        let leaves =
            matches!(front, State::Closing | State::Closed | State::Initialising | State::Unknown);
        match self {
            Phase::Waiting if arrived => Step::Attach,
            Phase::Waiting if front == State::Closing => Step::Close,
            Phase::Waiting if front == State::Closed => Step::Finish,
            Phase::Attaching(_) | Phase::Attached(_) if leaves => Step::Detach,
            Phase::Closing if matches!(front, State::Closed | State::Unknown) => Step::Finish,
            Phase::Closing | Phase::Closed if front == State::Initialising => Step::Wait,
            _ => Step::Stay,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [State; 9] = [
        State::Unknown,
        State::Initialising,
        State::InitWait,
        State::Initialised,
        State::Connected,
        State::Closing,
        State::Closed,
        State::Reconfiguring,
        State::Reconfigured,
    ];

    #[test]
    fn states_are_written_as_their_numbers() {
        for state in ALL {
            assert_eq!(State::parse(Some(&(state as u8).to_string())), state);
        }
        for odd in [None, Some(""), Some("9"), Some("4 "), Some("-1")] {
            assert_eq!(State::parse(odd), State::Unknown);
        }
    }

    #[test]
    fn a_network_front_end_is_ready_when_connected_only() {
        let waiting = Phase::<()>::Waiting;
        assert_eq!(waiting.step(State::Initialised, State::Connected), Step::Stay);
        assert_eq!(waiting.step(State::Initialised, State::Initialised), Step::Attach);
        assert_eq!(waiting.step(State::Connected, State::Initialised), Step::Attach);
    }

    proptest! {
        /// Whatever a front end does, what is attached is detached before anything else,
        /// and a front end that begins anew and then arrives is attached.
        #[test]
        fn any_order_of_states(fronts in proptest::collection::vec(0usize..9, 0..40)) {
            let mut phase = Phase::Waiting;
            let mut held = false;
            let mut go = |phase: &mut Phase<()>, front: State| {
                for _ in 0..4 {
                    *phase = match phase.step(front, State::Initialised) {
                        Step::Stay => return Ok(()),
                        Step::Attach => { prop_assert!(!held); held = true; Phase::Attached(()) }
                        Step::Detach => { prop_assert!(held); held = false; Phase::Closing }
                        Step::Close => Phase::Closing,
                        Step::Finish => Phase::Closed,
                        Step::Wait => Phase::Waiting,
                    };
                    prop_assert_eq!(held, matches!(phase, Phase::Attached(())));
                }
                Err(TestCaseError::fail("never settles"))
            };
            for front in fronts {
                go(&mut phase, ALL[front])?;
            }
            for front in [State::Closing, State::Closed, State::Initialising, State::Initialised] {
                go(&mut phase, front)?;
            }
            prop_assert_eq!(phase.state(), State::Connected);
        }
    }
}
