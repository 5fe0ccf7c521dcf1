//! A guest's end of its store's ring: any bytes, any positions, any requests in any order, while
//! the host adds and removes devices and daemons are killed.
#![no_main]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use chaos_daemon::facade::store::quota;
use chaos_daemon::facade::wire::{Kind, message};
use chaos_daemon::facade::{
    Ask, BlockDevice, BusEvent, Device, DeviceKind, Event, Facade, Guest, Key, NetDevice, Page,
};
use libfuzzer_sys::fuzz_target;
use noxs::SharedMemory;

/// `struct xenstore_domain_interface`.
const STREAM: u32 = 1024;
const REQUESTS_CONSUMED: usize = 2048;
const REQUESTS_PRODUCED: usize = 2052;
const ANSWERS_CONSUMED: usize = 2056;
const ANSWERS_PRODUCED: usize = 2060;
const CONNECTION: usize = 2068;
const END: usize = 2076;

/// Paths that mean something to a guest, or to the host.
const PATHS: [&str; 24] = [
    "data",
    "data/a",
    "data/a/b",
    "data/c-d",
    "name",
    "",
    "/",
    "@releaseDomain",
    "/local/domain/7",
    "/local/domain/0/backend/vif/7/0/state",
    "/local/domain/0/backend/vbd/7/51712",
    "/local/domain/8/name",
    "device/vif/0",
    "device/vif/0/state",
    "device/vif/0/tx-ring-ref",
    "device/vif/0/rx-ring-ref",
    "device/vif/0/event-channel",
    "device/vif/0/request-rx-copy",
    "device/vbd/51712",
    "device/vbd/51712/state",
    "device/vbd/51712/ring-ref",
    "device/vbd/51712/event-channel",
    "device/vbd/51712/ring-page-order",
    "control/shutdown",
];

const VALUES: [&[u8]; 16] = [
    b"",
    b"0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
    b"T\0",
    b"F\0",
    b"token\0",
    b"n7\0r0\0",
    b"b7\0w8\0n0\0",
    b"99999\0",
    b"4294967295",
    b"\xff\xfe",
];

#[derive(Clone)]
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
        let mut word = [0; 4];
        self.read(offset, &mut word);
        u32::from_le_bytes(word)
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

/// A guest that is a reader of the fuzzer's bytes, and the daemon that serves it.
struct World<'a> {
    input: &'a [u8],
    page: Memory,
    facade: Option<Facade<Memory>>,
    journal: std::path::PathBuf,
    sending: Vec<u8>,
}

fn net() -> Device {
    let mac = [0, 0x16, 0x3e, 0, 0, 1];
    Device::Net(NetDevice { index: 0, mac, mtu: None, scatter: true, segmentation: true })
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

fn guest() -> Guest {
    Guest {
        domain: 7,
        uuid: "00000000-0000-0000-0000-000000000007".parse().expect("a UUID"),
        name: "seven".into(),
        memory_kib: 65536,
        vcpus: 1,
        max_vcpus: 2,
        store: Page { frame: 100, port: 1 },
        console: Page { frame: 101, port: 2 },
    }
}

impl<'a> World<'a> {
    fn new(input: &'a [u8], start: u32) -> World<'a> {
        let page = Memory(Rc::new(RefCell::new(vec![0; 4096])));
        let journal = std::path::PathBuf::from(format!("/dev/shm/fuzz-{}", std::process::id()));
        let devices = vec![net(), disk()];
        let facade = Facade::create(&guest(), devices, page.clone(), &journal).expect("a journal");
        let world = World { input, page, facade: Some(facade), journal, sending: Vec::new() };
        world.set(CONNECTION, start % 2);
        world
    }

    fn facade(&mut self) -> &mut Facade<Memory> {
        self.facade.as_mut().expect("a facade")
    }

    fn word(&self, at: usize) -> u32 {
        self.page.load(at, Ordering::SeqCst)
    }

    fn set(&self, at: usize, value: u32) {
        self.page.store(at, value, Ordering::SeqCst);
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.input.split_first()?;
        self.input = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }

    fn take(&mut self, most: usize) -> Vec<u8> {
        let (now, later) = self.input.split_at(most.min(self.input.len()));
        self.input = later;
        now.to_vec()
    }

    /// One thing that happens; `None` when the bytes are used up.
    fn step(&mut self) -> Option<()> {
        match self.byte()? % 20 {
            0..8 => self.request()?,
            8 => {
                let most = usize::from(self.byte()?);
                let raw = self.take(most);
                self.sending.extend(raw);
            }
            9 => {
                let most = 16 * usize::from(self.byte()?);
                let fill = self.byte()?;
                self.sending.extend(vec![fill; most]);
            }
            10 => {
                let at = [REQUESTS_CONSUMED, REQUESTS_PRODUCED, ANSWERS_CONSUMED, ANSWERS_PRODUCED]
                    [usize::from(self.byte()? % 4)];
                let value = self.number()?;
                self.set(at, value);
            }
            11 => {
                let value = u32::from(self.byte()?);
                self.set(CONNECTION, value);
            }
            12 => self.host()?,
            13 => self.kill(),
            14 => self.pull(),
            _ => self.turn(),
        }
        self.push();
        Some(())
    }

    fn request(&mut self) -> Option<()> {
        let kind = Kind::from_number(u32::from(self.byte()? % 24)).unwrap_or(Kind::Read);
        let transaction = u32::from(self.byte()? % 8);
        let path = PATHS[usize::from(self.byte()?) % PATHS.len()];
        let mut payload = path.as_bytes().to_vec();
        let shape = self.byte()?;
        if shape & 1 != 0 {
            payload.extend(format!("/{}", shape).bytes());
        }
        if shape & 2 == 0 {
            payload.push(0);
        }
        let value = VALUES[usize::from(self.byte()?) % VALUES.len()];
        payload.extend_from_slice(value);
        if shape & 4 != 0 {
            payload.extend(vec![b'v'; 8 * usize::from(shape)]);
        }
        if kind == Kind::TransactionEnd {
            payload = if shape & 8 == 0 { b"T\0".to_vec() } else { b"F\0".to_vec() };
        }
        for _ in 0..if shape & 0xf0 == 0xf0 { 40 } else { 1 } {
            self.sending.extend(message(kind, 1, transaction, &payload));
        }
        Some(())
    }

    fn host(&mut self) -> Option<()> {
        let choice = self.byte()?;
        let key = if choice & 0x80 == 0 { net().key() } else { disk().key() };
        let wish = [Ask::Poweroff, Ask::Reboot, Ask::Suspend][usize::from(choice % 3)];
        let facade = self.facade();
        match choice % 8 {
            0 => facade.add(if key.kind == DeviceKind::Net { net() } else { disk() }),
            1 => facade.remove(key),
            2 => facade.remove_now(key),
            3 => facade.refused(key, "the host has no more of it"),
            4 => facade.detached(key),
            5 => facade.attached(key),
            6 => facade.set_memory(u64::from(choice)),
            _ => facade.ask(wish),
        }
        Some(())
    }

    /// The guest puts what it has to send in the ring, as far as there is room.
    fn push(&mut self) {
        let (produced, consumed) = (self.word(REQUESTS_PRODUCED), self.word(REQUESTS_CONSUMED));
        let room = STREAM.saturating_sub(produced.wrapping_sub(consumed));
        let n = self.sending.len().min(room as usize);
        for (at, byte) in (produced..).zip(self.sending.drain(..n)) {
            self.page.write((at % STREAM) as usize, &[byte]);
        }
        self.set(REQUESTS_PRODUCED, produced.wrapping_add(n as u32));
        self.sending.truncate(1 << 16);
    }

    /// The guest takes what there is.
    fn pull(&mut self) {
        self.set(ANSWERS_CONSUMED, self.word(ANSWERS_PRODUCED));
    }

    fn turn(&mut self) {
        let turn = self.facade().service();
        assert!(turn.unsafe_to_restart.is_none());
        for event in turn.events {
            match event {
                Event::Device(BusEvent::Attach { device, .. }) => self.attach(device),
                Event::Device(BusEvent::Detach { device }) => self.facade().detached(device),
                _ => {}
            }
        }
        self.check();
    }

    /// Half of the devices cannot be served, as the bytes say.
    fn attach(&mut self, device: Key) {
        match self.byte() {
            Some(byte) if byte & 1 != 0 => self.facade().refused(device, "no such grant"),
            _ => self.facade().attached(device),
        }
    }

    /// The next daemon knows what this one knew.
    fn kill(&mut self) {
        self.turn();
        self.facade().service();
        let before = self.facade.take().expect("a facade").machine().clone();
        let facade = Facade::adopt(self.page.clone(), &self.journal).expect("a whole journal");
        assert!(*facade.machine() == before, "another machine than before");
        self.facade = Some(facade);
    }

    fn check(&mut self) {
        let store = self.facade().machine().store();
        let (usage, (watches, transactions)) = (store.usage(), store.open());
        // What the host makes in the guest's own folders is not refused.
        assert!(usage.nodes <= quota::NODES + 64, "{usage:?}");
        assert!(usage.bytes <= quota::NODE_BYTES + 8192, "{usage:?}");
        assert!(watches <= quota::WATCHES && transactions <= quota::TRANSACTIONS);
        assert!(self.page.0.borrow()[END..].iter().all(|byte| *byte == 0));
    }

    /// After all that, a guest that begins anew is answered.
    fn ends_well(&mut self) {
        self.sending.clear();
        self.set(CONNECTION, 1);
        self.turn();
        assert_eq!(self.word(CONNECTION), 0);
        self.sending = message(Kind::Read, 9, 0, b"name\0");
        self.push();
        for _ in 0..4 {
            self.turn();
        }
        let mut answer = [0; 21];
        self.page.read(STREAM as usize, &mut answer);
        assert_eq!(answer, *b"\x02\0\0\0\x09\0\0\0\0\0\0\0\x05\0\0\0seven");
    }
}

fuzz_target!(|input: &[u8]| {
    let mut world = World::new(input, u32::try_from(input.len()).unwrap_or(0));
    while world.step().is_some() {}
    world.ends_well();
});
