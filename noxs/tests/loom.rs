//! Every interleaving of the shared words, and every value a weak memory model lets a
//! load return: `RUSTFLAGS='--cfg loom' cargo test -p noxs --test loom --release`.

#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::thread;
use noxs::control::Request;
use noxs::device::{Config, Device, Slot, State};
use noxs::layout::{
    BELL_ASLEEP, BELL_DEVICES, BELL_SERVICES, CONTROL_REQUEST, CONTROL_SEQUENCE, GUEST_BELL,
    HEADER_GENERATION, HOST_BELL, LOG, LOG_CONSUMED, LOG_DROPPED, LOG_PRODUCED,
};
use noxs::log::{MAX_TEXT, Severity};
use noxs::page::{GuestPage, Header, HostPage};
use noxs::ring::{self, Back, Front, Protocol, Redo};
use noxs::{SharedMemory, console};

/// Memory some words of which the model checker watches. The others may be written
/// before the threads start, and not after.
struct Model {
    watched: Vec<(usize, AtomicU32)>,
    fixed: Vec<std::sync::atomic::AtomicU32>,
}

impl Model {
    fn new(watched: &[usize]) -> Arc<Model> {
        Arc::new(Model {
            watched: watched.iter().map(|&at| (at, AtomicU32::new(0))).collect(),
            fixed: (0..1024).map(|_| 0.into()).collect(),
        })
    }

    fn word(&self, offset: usize) -> Option<&AtomicU32> {
        self.watched.iter().find(|(at, _)| *at == offset).map(|(_, word)| word)
    }
}

impl SharedMemory for Model {
    fn len(&self) -> usize {
        4096
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        for (i, byte) in into.iter_mut().enumerate() {
            let at = offset + i;
            *byte = self.load(at & !3, Ordering::Relaxed).to_le_bytes()[at & 3];
        }
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        let mut at = offset;
        while at < offset + bytes.len() {
            // Whole words where they can be, as a copy writes them.
            let mut word = match at.is_multiple_of(4) && at + 4 <= offset + bytes.len() {
                true => [0; 4],
                false => self.load(at & !3, Ordering::Relaxed).to_le_bytes(),
            };
            let base = at & !3;
            while at < base + 4 && at < offset + bytes.len() {
                word[at & 3] = bytes[at - offset];
                at += 1;
            }
            self.store(base, u32::from_le_bytes(word), Ordering::Relaxed);
        }
    }

    fn load(&self, offset: usize, order: Ordering) -> u32 {
        match self.word(offset) {
            Some(word) => word.load(order),
            None => self.fixed[offset / 4].load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    fn store(&self, offset: usize, value: u32, order: Ordering) {
        match self.word(offset) {
            Some(word) => word.store(value, order),
            None => self.fixed[offset / 4].store(value, std::sync::atomic::Ordering::Relaxed),
        }
    }

    fn swap(&self, offset: usize, value: u32) -> u32 {
        self.word(offset).expect("a watched word").swap(value, Ordering::SeqCst)
    }

    fn fetch_or(&self, offset: usize, bits: u32) -> u32 {
        self.word(offset).expect("a watched word").fetch_or(bits, Ordering::SeqCst)
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

type Pages = (HostPage<Arc<Model>>, GuestPage<Arc<Model>>);

fn pages(watched: &[usize]) -> Pages {
    let memory = Model::new(watched);
    let header = Header { uuid: [7; 16], port: 3, grant_table: None, shared_info: None };
    let host = HostPage::create(memory.clone(), &header);
    (host, GuestPage::attach(memory).expect("a page that was just made"))
}

fn bell(at: usize) -> [usize; 3] {
    [at + BELL_DEVICES, at + BELL_SERVICES, at + BELL_ASLEEP]
}

/// The host sleeps while the guest rings for two devices: it is notified or has both bits.
#[test]
fn no_ring_of_the_guest_is_lost() {
    loom::model(|| {
        let (mut host, mut guest) = pages(&bell(HOST_BELL));
        let ringer = thread::spawn(move || {
            guest.ring_device(Slot::new(1).unwrap());
            let first = guest.flush();
            guest.ring_device(Slot::new(2).unwrap());
            first | guest.flush()
        });
        let mut seen = host.take().devices;
        let at_sleep = host.sleep();
        seen |= at_sleep.devices;
        let notified = ringer.join().unwrap();
        if at_sleep.is_empty() {
            assert!(notified || seen == 0b110, "asleep, not notified, {seen:#b} seen");
        }
        seen |= host.take().devices;
        assert_eq!(seen, 0b110);
    });
}

/// The same the other way.
#[test]
fn no_ring_of_the_host_is_lost() {
    loom::model(|| {
        let (mut host, mut guest) = pages(&bell(GUEST_BELL));
        let _ = host.flush();
        let ringer = thread::spawn(move || {
            host.ring_device(Slot::CONSOLE);
            host.flush()
        });
        let at_sleep = guest.sleep();
        let notified = ringer.join().unwrap();
        assert!(notified || at_sleep.devices == 1 || guest.take().devices == 0);
        let seen = at_sleep.devices | guest.take().devices;
        assert!(seen == 1 || notified);
    });
}

/// A request and its number belong together, whenever the guest looks.
#[test]
fn requests_are_seen_whole() {
    loom::model(|| {
        let (mut host, guest) = pages(&[HEADER_GENERATION, CONTROL_REQUEST, CONTROL_SEQUENCE]);
        let asker = thread::spawn(move || {
            host.ask(Request::Suspend);
            host.ask(Request::Resume);
        });
        if let Ok(Some(asked)) = guest.asked() {
            let expected = if asked.sequence == 1 { Request::Suspend } else { Request::Resume };
            assert_eq!(asked.request, Some(expected), "request {}", asked.sequence);
        }
        asker.join().unwrap();
        assert_eq!(guest.asked().unwrap().unwrap().sequence, 2);
    });
}

/// A device is seen as it was before a change or after it.
#[test]
fn devices_are_seen_whole() {
    let at = noxs::layout::TABLE + noxs::layout::SLOT_SIZE;
    loom::model(move || {
        let (mut host, guest) = pages(&[HEADER_GENERATION, at, at + 8]);
        let slot = Slot::new(1).unwrap();
        let device = |index, first_frame| Device {
            state: State::Present,
            index,
            backend: 0,
            first_frame,
            frames: 1,
            features: 0,
            config: Config::Console,
        };
        host.set_device(slot, &device(1, 1));
        let writer = thread::spawn(move || host.set_device(slot, &device(2, 2)));
        if let Ok(Some(seen)) = guest.device(slot) {
            assert_eq!(u32::from(seen.index), seen.first_frame);
        }
        writer.join().unwrap();
        assert_eq!(guest.device(slot).unwrap().unwrap().first_frame, 2);
    });
}

/// A record is read whole or not yet.
#[test]
fn log_records_are_seen_whole() {
    let words = [LOG_PRODUCED, LOG_CONSUMED, LOG_DROPPED];
    loom::model(move || {
        let watched: Vec<_> = words.into_iter().chain((0..4).map(|i| LOG + 4 * i)).collect();
        let (mut host, mut guest) = pages(&watched);
        let writer = thread::spawn(move || guest.log(Severity::Info, 5, b"abcd").unwrap());
        let mut text = [0; MAX_TEXT];
        let first = host.next_record(&mut text).unwrap();
        writer.join().unwrap();
        let record = match first {
            Some(record) => record,
            None => host.next_record(&mut text).unwrap().expect("the record"),
        };
        assert_eq!((record.time_ns, record.severity), (5, Severity::Info));
        assert_eq!(text[..record.len], *b"abcd");
    });
}

/// The room of a record is used again only after it was read.
#[test]
fn log_room_is_used_again_after_reading() {
    loom::model(|| {
        let watched: Vec<_> = [LOG_PRODUCED, LOG_CONSUMED, LOG_DROPPED, LOG + 12].into();
        let (mut host, mut guest) = pages(&watched);
        guest.log(Severity::Info, 0, &[b'a'; MAX_TEXT]).unwrap();
        let mut text = [0; MAX_TEXT];
        let reader = thread::spawn(move || {
            let first = host.next_record(&mut text).unwrap().expect("the first record");
            assert_eq!((first.len, text[0]), (MAX_TEXT, b'a'));
            host.release_log();
        });
        // Full, or the host has read all of the first.
        let _ = guest.log(Severity::Info, 0, b"bbbb");
        reader.join().unwrap();
    });
}

struct Number;

impl Protocol for Number {
    type Request = u32;
    type Response = u32;
    const SLOT: usize = 4;
    const RESPONSE: usize = 4;

    fn request(slot: &[u8]) -> u32 {
        u32::from_le_bytes(*slot.first_chunk().unwrap())
    }

    fn put_request(request: &u32, slot: &mut [u8]) {
        slot.copy_from_slice(&request.to_le_bytes());
    }

    fn response(slot: &[u8]) -> u32 {
        Number::request(slot)
    }

    fn put_response(response: &u32, slot: &mut [u8]) {
        slot.copy_from_slice(&response.to_le_bytes());
    }
}

fn ring_words() -> Arc<Model> {
    use ring::offset::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, SLOTS};
    Model::new(&[REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT, SLOTS, SLOTS + 4])
}

/// A back end that goes to sleep is notified of a request that it did not see.
#[test]
fn no_request_is_lost() {
    loom::model(|| {
        let memory = ring_words();
        let mut front = Front::<_, Number>::create(memory.clone());
        let mut back = Back::<_, Number>::attach(memory);
        let asker = thread::spawn(move || {
            front.request(&41);
            let first = front.push();
            front.request(&42);
            first | front.push()
        });
        let mut taken = Vec::new();
        taken.extend(back.next_request().unwrap());
        let more = back.final_check().unwrap();
        let notified = asker.join().unwrap();
        assert!(more || notified || taken.len() == 2);
        while let Some(request) = back.next_request().unwrap() {
            taken.push(request);
        }
        assert_eq!(taken, [41, 42]);
    });
}

/// A front end that goes to sleep is notified of a response that it did not see.
#[test]
fn no_response_is_lost() {
    loom::model(|| {
        let memory = ring_words();
        let mut front = Front::<_, Number>::create(memory.clone());
        let mut back = Back::<_, Number>::attach(memory);
        front.request(&1);
        let _ = front.push();
        let server = thread::spawn(move || {
            let request = back.next_request().unwrap().expect("a request");
            let redo = Redo::new(Model::new(&[]));
            let mut publication = back.publish(&redo);
            publication.respond(&(request + 1));
            publication.finish()
        });
        let seen = front.next_response().unwrap();
        let more = front.final_check().unwrap();
        let notified = server.join().unwrap();
        assert!(seen.is_some() || more || notified);
        if seen.is_none() {
            assert_eq!(front.next_response(), Ok(Some(2)));
        }
    });
}

/// What the guest prints arrives whole and in order.
#[test]
fn console_bytes_arrive() {
    loom::model(|| {
        let memory = Model::new(&[console::OUT, console::OUT_PRODUCED, console::OUT_CONSUMED]);
        let mut front = console::Front::attach(memory.clone());
        let mut back = console::Back::attach(memory);
        let printer = thread::spawn(move || {
            assert_eq!(front.write(b"ab"), Ok(2));
            assert_eq!(front.write(b"cd"), Ok(2));
        });
        let mut text = [0; 8];
        let mut len = back.read(&mut text).unwrap();
        let _ = back.release();
        printer.join().unwrap();
        len += back.read(&mut text[len..]).unwrap();
        assert_eq!(text[..len], *b"abcd");
    });
}
