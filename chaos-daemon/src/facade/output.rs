//! Messages on their way to the guest.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::store::quota;
use super::wire::{Kind, message};

/// Answers and events in order, bounded by [`quota::OUTSTANDING`] and
/// [`quota::EVENT_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Output {
    queue: VecDeque<Message>,
    /// Bytes of the first message that the guest has.
    sent: usize,
    answers: usize,
    /// Payloads of the events that wait.
    events: BTreeSet<Vec<u8>>,
    event_bytes: usize,
    dropped: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Message {
    Answer(Vec<u8>),
    Event(Vec<u8>),
}

impl Message {
    fn bytes(&self) -> &[u8] {
        match self {
            Message::Answer(bytes) | Message::Event(bytes) => bytes,
        }
    }
}

impl Output {
    /// Room for another answer.
    pub(super) fn has_room(&self) -> bool {
        self.answers < quota::OUTSTANDING
    }

    /// Events that were dropped because the guest does not take them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Queues an answer.
    pub(super) fn answer(&mut self, kind: Kind, request: u32, transaction: u32, payload: &[u8]) {
        self.answers += 1;
        self.queue.push_back(Message::Answer(message(kind, request, transaction, payload)));
    }

    /// Queues an event, unless the same one waits already.
    pub(super) fn event(&mut self, payload: Vec<u8>) {
        if self.event_bytes + payload.len() > quota::EVENT_BYTES {
            self.dropped += 1;
        } else if !self.events.contains(&payload) {
            self.event_bytes += payload.len();
            self.queue.push_back(Message::Event(message(Kind::WatchEvent, 0, 0, &payload)));
            self.events.insert(payload);
        }
    }

    /// What comes next; empty when nothing waits.
    pub(super) fn next(&self) -> &[u8] {
        self.queue.front().map_or(&[], |message| &message.bytes()[self.sent..])
    }

    /// The guest has `bytes` of what came [next](Self::next).
    pub(super) fn advance(&mut self, bytes: usize) {
        self.sent += bytes;
        let done = self.queue.front().is_some_and(|message| message.bytes().len() <= self.sent);
        if !done {
            return;
        }
        self.sent = 0;
        match self.queue.pop_front() {
            Some(Message::Event(bytes)) => {
                let payload = &bytes[super::wire::HEADER_SIZE..];
                self.event_bytes -= payload.len();
                self.events.remove(payload);
            }
            Some(Message::Answer(_)) => self.answers -= 1,
            None => {}
        }
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        *self = Output { dropped: self.dropped, ..Output::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_waits_once() {
        let mut output = Output::default();
        output.event(b"a\0t\0".to_vec());
        output.event(b"a\0t\0".to_vec());
        output.event(b"b\0t\0".to_vec());
        assert_eq!(output.queue.len(), 2);
        output.advance(10);
        assert_eq!(output.next().len(), 10);
        output.advance(10);
        output.event(b"a\0t\0".to_vec());
        assert_eq!(output.queue.len(), 2);
    }

    #[test]
    fn events_nobody_takes_are_bounded() {
        let mut output = Output::default();
        for n in 0..100_000 {
            output.event(format!("path{n}\0token\0").into_bytes());
        }
        assert!(output.event_bytes <= quota::EVENT_BYTES);
        assert!(output.dropped() > 90_000);
        output.answer(Kind::Read, 1, 0, b"x");
        while !output.next().is_empty() {
            output.advance(output.next().len().min(7));
        }
        assert_eq!((output.event_bytes, output.answers, output.events.len()), (0, 0, 0));
    }
}
