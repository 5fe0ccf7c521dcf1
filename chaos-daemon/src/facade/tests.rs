//! A guest's end of the ring, honest and not, and daemons that are killed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use noxs::SharedMemory;
use proptest::prelude::*;
use tempfile::TempDir;

use super::ring::STREAM_SIZE;
use super::wire::{HEADER_SIZE, Header, Kind, message};
use super::*;

const REQ_CONS: usize = 2048;
const REQ_PROD: usize = 2052;
const RSP_CONS: usize = 2056;
const RSP_PROD: usize = 2060;
const CONNECTION: usize = 2068;
const ERROR: usize = 2072;

/// A page both ends see.
#[derive(Clone, Debug)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl SharedMemory for Memory {
    fn len(&self) -> usize {
        self.0.borrow().len()
    }
    fn read(&self, offset: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.0.borrow()[offset..offset + out.len()]);
    }
    fn write(&self, offset: usize, bytes: &[u8]) {
        self.0.borrow_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
    fn load(&self, offset: usize, _: Ordering) -> u32 {
        u32::from_le_bytes(self.0.borrow()[offset..offset + 4].try_into().unwrap())
    }
    fn store(&self, offset: usize, value: u32, _: Ordering) {
        self.write(offset, &value.to_le_bytes());
    }
    fn swap(&self, _: usize, _: u32) -> u32 {
        unreachable!("the facade does not")
    }
    fn fetch_or(&self, _: usize, _: u32) -> u32 {
        unreachable!("the facade does not")
    }
}

/// A guest and the daemon that serves it.
struct World {
    page: Memory,
    facade: Option<Facade<Memory>>,
    folder: TempDir,
    sending: Vec<u8>,
    arrived: Vec<u8>,
}

fn guest() -> Guest {
    Guest {
        domain: 7,
        uuid: uuid::Uuid::from_u128(7),
        name: "seven".into(),
        memory_kib: 65536,
        vcpus: 1,
        max_vcpus: 2,
        store: Page { frame: 100, port: 1 },
        console: Page { frame: 101, port: 2 },
    }
}

fn disk() -> Device {
    Device::Block(BlockDevice {
        number: 51712,
        name: "xvda".into(),
        writable: true,
        removable: false,
        offer: Vec::new(),
    })
}

impl World {
    fn new() -> World {
        let page = Memory(Rc::new(RefCell::new(vec![0; 4096])));
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("facade");
        let facade = Facade::create(&guest(), vec![disk()], page.clone(), &journal).unwrap();
        World { page, facade: Some(facade), folder, sending: Vec::new(), arrived: Vec::new() }
    }

    fn facade(&mut self) -> &mut Facade<Memory> {
        self.facade.as_mut().unwrap()
    }

    fn journal(&self) -> std::path::PathBuf {
        self.folder.path().join("facade")
    }

    fn word(&self, offset: usize) -> u32 {
        self.page.load(offset, Ordering::SeqCst)
    }

    fn set(&self, offset: usize, value: u32) {
        self.page.store(offset, value, Ordering::SeqCst);
    }

    fn queue(&mut self, kind: Kind, payload: &[u8]) {
        self.sending.extend(message(kind, 1, 0, payload));
    }

    /// The guest puts at most `most` bytes in the ring.
    fn push(&mut self, most: usize) {
        let (prod, cons) = (self.word(REQ_PROD), self.word(REQ_CONS));
        let room = STREAM_SIZE - (prod.wrapping_sub(cons)) as usize;
        let n = self.sending.len().min(room).min(most);
        for (at, byte) in self.sending.drain(..n).enumerate() {
            self.page.write((prod as usize + at) % STREAM_SIZE, &[byte]);
        }
        self.set(REQ_PROD, prod.wrapping_add(u32::try_from(n).unwrap()));
    }

    /// The guest takes at most `most` bytes from the ring.
    fn pull(&mut self, most: usize) {
        let (prod, cons) = (self.word(RSP_PROD), self.word(RSP_CONS));
        let n = (prod.wrapping_sub(cons) as usize).min(most);
        for at in 0..n {
            let mut byte = [0];
            self.page.read(STREAM_SIZE + (cons as usize + at) % STREAM_SIZE, &mut byte);
            self.arrived.push(byte[0]);
        }
        self.set(RSP_CONS, cons.wrapping_add(u32::try_from(n).unwrap()));
    }

    /// Until nothing moves.
    fn run(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            self.push(usize::MAX);
            let turn = self.facade().service();
            events.extend(turn.events);
            let arrived = self.arrived.len();
            self.pull(usize::MAX);
            if !turn.notify && self.arrived.len() == arrived {
                return events;
            }
        }
    }

    /// Takes the whole messages that arrived: answers and events apart.
    fn messages(&mut self) -> (Vec<(u32, String)>, Vec<String>) {
        let (mut answers, mut events) = (Vec::new(), Vec::new());
        while let Some(header) = Header::parse(&self.arrived) {
            let end = HEADER_SIZE + header.len as usize;
            if self.arrived.len() < end {
                break;
            }
            let message: Vec<u8> = self.arrived.drain(..end).collect();
            let payload = String::from_utf8(message[HEADER_SIZE..].to_vec()).unwrap();
            if header.kind == Kind::WatchEvent as u32 {
                events.push(payload);
            } else {
                answers.push((header.kind, payload));
            }
        }
        (answers, events)
    }

    fn ask(&mut self, kind: Kind, payload: &str) -> String {
        self.queue(kind, payload.as_bytes());
        self.run();
        self.messages().0.pop().unwrap().1
    }

    /// The daemon is killed, the next one takes over.
    fn restart(&mut self) {
        self.facade = None;
        self.facade = Some(Facade::adopt(self.page.clone(), &self.journal()).unwrap());
    }

    /// A turn, in which the daemon is killed when `cut` bytes of what the turn adds to
    /// the journal are written, and nothing is shown to the guest yet.
    fn killed_turn(&mut self, cut: usize) {
        let before = std::fs::read(self.journal()).unwrap();
        let shown = (self.word(REQ_CONS), self.word(RSP_PROD));
        self.facade().service();
        let after = std::fs::read(self.journal()).unwrap();
        let kept = if after.starts_with(&before) {
            (before.len() + cut).min(after.len())
        } else {
            after.len()
        };
        std::fs::write(self.journal(), &after[..kept]).unwrap();
        self.set(REQ_CONS, shown.0);
        self.set(RSP_PROD, shown.1);
        self.restart();
    }
}

/// A journal's operations, and its whole machines, both say how much was refused.
#[test]
fn refused_requests_are_counted_on_by_the_next_daemon() {
    let mut world = World::new();
    for count in 1..4 {
        assert_eq!(world.ask(Kind::Read, "no/such/node\0"), "ENOENT\0");
        let before = world.facade().machine().clone();
        assert_eq!(before.refused(), count);
        world.restart();
        assert!(*world.facade().machine() == before);
    }
}

#[test]
fn a_guest_finds_itself() {
    let mut world = World::new();
    for (path, value) in [
        ("name", "seven"),
        ("domid", "7"),
        ("vm", "/vm/00000000-0000-0000-0000-000000000007"),
        ("/vm/00000000-0000-0000-0000-000000000007/name", "seven"),
        ("memory/target", "65536"),
        ("cpu/0/availability", "online"),
        ("cpu/1/availability", "offline"),
        ("store/port", "1"),
        ("console/ring-ref", "101"),
        ("control/platform-feature-xs_reset_watches", "1"),
        ("device/vbd/51712/virtual-device", "51712"),
        ("/local/domain/0/backend/vbd/7/51712/mode", "w"),
    ] {
        assert_eq!(world.ask(Kind::Read, &format!("{path}\0")), value);
    }
    assert_eq!(world.ask(Kind::Write, "control/feature-poweroff\x001"), "OK\0");
    assert_eq!(world.ask(Kind::Write, "name\0other"), "EACCES\0");
    assert_eq!(world.ask(Kind::Directory, "/local/domain\0"), "EACCES\0");
}

#[test]
fn positions_run_around_the_ring_and_past_two_to_the_32() {
    let mut world = World::new();
    let far = u32::MAX - 100;
    world.facade().start_at(far);
    for field in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] {
        world.set(field, far);
    }
    let value = "v".repeat(700);
    for n in 0..20 {
        assert_eq!(world.ask(Kind::Write, &format!("data/{n}\0{value}")), "OK\0");
        assert_eq!(world.ask(Kind::Read, &format!("data/{n}\0")), value);
    }
    assert!(world.word(REQ_CONS) < far);
}

/// A page whose guest writes a whole request, and takes an answer's first half, in the
/// moment before the host's positions appear, and has no reason to notify.
struct Racing {
    page: Memory,
    moves: RefCell<Vec<Move>>,
}

type Move = Box<dyn FnOnce(&Memory)>;

impl SharedMemory for Racing {
    fn len(&self) -> usize {
        self.page.len()
    }
    fn read(&self, offset: usize, out: &mut [u8]) {
        self.page.read(offset, out);
    }
    fn write(&self, offset: usize, bytes: &[u8]) {
        self.page.write(offset, bytes);
    }
    fn load(&self, offset: usize, order: Ordering) -> u32 {
        self.page.load(offset, order)
    }
    fn store(&self, offset: usize, value: u32, order: Ordering) {
        if offset == REQ_CONS
            && let Some(go) = self.moves.borrow_mut().pop()
        {
            go(&self.page);
        }
        self.page.store(offset, value, order);
    }
    fn swap(&self, _: usize, _: u32) -> u32 {
        unreachable!("the facade does not")
    }
    fn fetch_or(&self, _: usize, _: u32) -> u32 {
        unreachable!("the facade does not")
    }
}

#[test]
fn what_comes_while_a_turn_ends_is_not_left_lying() {
    let page = Memory(Rc::new(RefCell::new(vec![0; 4096])));
    let request = message(Kind::Read, 1, 0, b"name\0");
    let late: Box<dyn FnOnce(&Memory)> = Box::new(move |page| {
        page.write(0, &request);
        page.store(REQ_PROD, u32::try_from(request.len()).unwrap(), Ordering::SeqCst);
    });
    let folder = tempfile::tempdir().unwrap();
    let racing = Racing { page: page.clone(), moves: RefCell::new(vec![late]) };
    let journal = folder.path().join("facade");
    let mut facade = Facade::create(&guest(), Vec::new(), racing, &journal).unwrap();
    assert!(facade.service().again);
    let turn = facade.service();
    assert!(turn.notify && !turn.again);
    assert_eq!(page.load(RSP_PROD, Ordering::SeqCst), 16 + 5);
}

#[test]
fn room_that_appears_while_a_turn_ends_is_used() {
    let page = Memory(Rc::new(RefCell::new(vec![0; 4096])));
    let requests: Vec<u8> =
        (0..40).flat_map(|_| message(Kind::GetDomainPath, 1, 0, b"7\0")).collect();
    page.write(0, &requests);
    page.store(REQ_PROD, u32::try_from(requests.len()).unwrap(), Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let take: Box<dyn FnOnce(&Memory)> = Box::new(|page| {
        page.store(RSP_CONS, page.load(RSP_PROD, Ordering::SeqCst) - 24, Ordering::SeqCst)
    });
    let racing = Racing { page: page.clone(), moves: RefCell::new(vec![take, Box::new(|_| {})]) };
    let journal = folder.path().join("facade");
    let mut facade = Facade::create(&guest(), Vec::new(), racing, &journal).unwrap();
    assert!(!facade.service().again, "nothing to do until the guest makes room");
    assert!(facade.service().again, "it did while the turn ended");
}

#[test]
fn lying_indexes_end_the_connection_until_it_is_made_anew() {
    for field in [REQ_PROD, RSP_CONS] {
        let mut world = World::new();
        world.ask(Kind::Watch, "data\0t\0");
        world.queue(Kind::Read, b"name\0");
        world.push(usize::MAX);
        world.set(field, world.word(field).wrapping_add(5000));
        let turn = world.facade().service();
        assert_eq!(turn.events, [Event::Broken(ConnectionError::Indexes)]);
        assert_eq!(world.word(ERROR), 2);
        assert!(!world.facade().service().notify, "a dead connection stays silent");
        world.set(CONNECTION, 1);
        assert!(world.facade().service().notify);
        assert_eq!((world.word(CONNECTION), world.word(ERROR)), (0, 0));
        (world.sending, world.arrived) = (Vec::new(), Vec::new());
        assert_eq!(world.ask(Kind::Read, "name\0"), "seven");
        assert_eq!(world.facade().machine().store().open(), (0, 0));
    }
}

#[test]
fn a_message_too_long_ends_the_connection() {
    let mut world = World::new();
    world.sending = Header { kind: 2, request: 1, transaction: 0, len: 4097 }.bytes().to_vec();
    assert_eq!(world.run(), [Event::Broken(ConnectionError::Protocol)]);
    assert_eq!(world.word(ERROR), 3);
}

#[test]
fn the_longest_message_passes_through_the_small_ring() {
    let mut world = World::new();
    let payload = "x".repeat(4095) + "\0";
    assert_eq!(world.ask(Kind::Read, &payload), "EINVAL\0");
}

#[test]
fn who_does_not_fetch_answers_is_not_answered_more() {
    let mut world = World::new();
    for _ in 0..500 {
        world.queue(Kind::Read, b"vm\0");
    }
    while world.facade().service().notify {
        world.push(usize::MAX);
    }
    assert!(!world.sending.is_empty(), "requests pile up at the guest, not at the host");
    world.run();
    let (answers, _) = world.messages();
    assert_eq!(answers.len(), 500);
    assert!(answers.iter().all(|(_, text)| text.starts_with("/vm/")));
}

#[test]
fn a_request_to_end_is_taken() {
    let mut world = World::new();
    world.ask(Kind::Watch, "control/shutdown\0w\0");
    world.facade().ask(Ask::Poweroff);
    assert_eq!(world.run(), []);
    assert_eq!(world.messages().1, ["control/shutdown\0w\0"]);
    assert_eq!(world.ask(Kind::Read, "control/shutdown\0"), "poweroff");
    world.queue(Kind::Write, b"control/shutdown\0");
    assert_eq!(world.run(), [Event::AskTaken]);
    world.queue(Kind::Write, b"control/shutdown\0");
    assert_eq!(world.run(), []);
}

#[test]
fn devices_are_attached_again_after_a_restart() {
    let mut world = World::new();
    let key = disk().key();
    for payload in ["ring-ref\x008", "event-channel\x005", "state\x003"] {
        world.queue(Kind::Write, format!("device/vbd/51712/{payload}").as_bytes());
    }
    let events = world.run();
    assert!(matches!(events[..], [Event::Device(BusEvent::Attach { .. })]), "{events:?}");
    world.facade().attached(key);
    world.run();
    world.restart();
    assert_eq!(world.run(), events);
    world.facade().attached(key);
    assert_eq!(world.ask(Kind::Read, "/local/domain/0/backend/vbd/7/51712/state\0"), "4");
}

#[test]
fn a_foreign_file_is_no_journal() {
    let world = World::new();
    for content in [&b""[..], b"x", &[0; 64], &[0xff; 64]] {
        std::fs::write(world.journal(), content).unwrap();
        let error = Facade::adopt(world.page.clone(), &world.journal()).unwrap_err();
        assert!(matches!(error, JournalError::NoMachine { .. }), "{error}");
    }
}

#[test]
fn the_journal_is_kept_short() {
    let mut world = World::new();
    let value = "v".repeat(1500);
    for n in 0..600 {
        world.ask(Kind::Write, &format!("data/{}\0{value}", n % 7));
    }
    assert!(std::fs::metadata(world.journal()).unwrap().len() < 400 * 1024);
    let before = world.facade().machine().clone();
    world.restart();
    assert_eq!(*world.facade().machine(), before);
}

#[derive(Clone, Debug)]
enum Act {
    Request(Kind, String),
    Push(usize),
    Pull(usize),
    Turn,
    Kill(usize),
    Poweroff,
    Plug(bool),
}

fn act() -> impl Strategy<Value = Act> {
    let path = || "(data(/[ab]){0,2}|name|device/vbd/51712/state)";
    let request = prop_oneof![
        (path(), "[1-6]{0,3}").prop_map(|(p, v)| (Kind::Write, format!("{p}\0{v}"))),
        path().prop_map(|p| (Kind::Read, format!("{p}\0"))),
        path().prop_map(|p| (Kind::Rm, format!("{p}\0"))),
        (path(), "[t]").prop_map(|(p, t)| (Kind::Watch, format!("{p}\0{t}\0"))),
        Just((Kind::TransactionStart, "\0".to_owned())),
        Just((Kind::ResetWatches, "\0".to_owned())),
    ];
    prop_oneof![
        4 => request.prop_map(|(kind, payload)| Act::Request(kind, payload)),
        3 => (1usize..200).prop_map(Act::Push),
        2 => (1usize..200).prop_map(Act::Pull),
        3 => Just(Act::Turn),
        3 => (0usize..400).prop_map(Act::Kill),
        1 => Just(Act::Poweroff),
        1 => any::<bool>().prop_map(Act::Plug),
    ]
}

/// Runs a history; `mortal` daemons are killed where it says so, others live on.
fn live(acts: &[Act], mortal: bool) -> (Vec<(u32, String)>, Machine) {
    let mut world = World::new();
    for act in acts {
        match act {
            Act::Request(kind, payload) => world.queue(*kind, payload.as_bytes()),
            Act::Push(most) => world.push(*most),
            Act::Pull(most) => world.pull(*most),
            Act::Kill(cut) if mortal => world.killed_turn(*cut),
            Act::Turn | Act::Kill(_) => drop(world.facade().service()),
            // What the host asks of its guests is asked in a turn of its own here: a
            // host that is killed in between asks again.
            Act::Poweroff => {
                world.facade().ask(Ask::Poweroff);
                world.facade().service();
            }
            Act::Plug(true) => {
                world.facade().add(disk());
                world.facade().service();
            }
            Act::Plug(false) => {
                world.facade().remove_now(disk().key());
                world.facade().service();
            }
        }
    }
    // Order of arrival differs only in when the last answers come.
    world.run();
    let answers = world.messages().0;
    (answers, world.facade().machine().clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A guest whose daemons are killed at any byte of any turn gets every answer once.
    #[test]
    fn kills_are_not_noticed(acts in proptest::collection::vec(act(), 1..60)) {
        // The host's own wishes come at other points of the guest's stream when a kill
        // delays a request; they are left to the next test.
        let guest_only: Vec<Act> = acts.into_iter()
            .filter(|act| !matches!(act, Act::Poweroff | Act::Plug(_))).collect();
        let (answers, mortal) = live(&guest_only, true);
        let (expected, immortal) = live(&guest_only, false);
        prop_assert_eq!(answers, expected);
        prop_assert_eq!(mortal.store(), immortal.store());
    }

    /// A journal cut at any byte is a machine that was, and garbage behind it is ignored.
    #[test]
    fn any_tail_is_tolerated(acts in proptest::collection::vec(act(), 1..30), cut in 0usize..100, garbage: [u8; 12]) {
        let mut world = World::new();
        for act in &acts {
            match act {
                Act::Request(kind, payload) => { world.queue(*kind, payload.as_bytes()); world.run(); }
                Act::Poweroff => world.facade().ask(Ask::Poweroff),
                Act::Plug(true) => world.facade().add(disk()),
                Act::Plug(false) => world.facade().remove(disk().key()),
                _ => drop(world.facade().service()),
            }
        }
        world.facade().service();
        let mut bytes = std::fs::read(world.journal()).unwrap();
        prop_assert!(replay(&bytes).as_ref() == Some(world.facade().machine()));
        bytes.extend_from_slice(&garbage);
        prop_assert!(replay(&bytes).as_ref() == Some(world.facade().machine()));
        bytes.truncate(bytes.len() - 12 - cut.min(bytes.len() - 12));
        let _ = replay(&bytes);
    }

    /// Whatever stands in the page, the host neither panics nor touches what is not its own.
    #[test]
    fn any_page(content in proptest::collection::vec(any::<u8>(), 4096), turns in 1usize..4) {
        let mut world = World::new();
        world.page.write(0, &content);
        for _ in 0..turns {
            world.facade().service();
        }
        prop_assert_eq!(&world.page.0.borrow()[2076..], &content[2076..]);
        prop_assert_eq!(&world.page.0.borrow()[..STREAM_SIZE], &content[..STREAM_SIZE]);
    }
}
