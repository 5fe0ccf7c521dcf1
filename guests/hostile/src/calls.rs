//! Attacks through hypercalls: events, memory, grants, ends.
//!
//! Numbers: Xen `public/{xen,event_channel,memory,sched,grant_table}.h`.

use crate::target::{GUEST_FEATURES, SLOT, TABLE, Target};
use xen_rt::bare;

const MEMORY_OP: usize = 12;
const XEN_VERSION: usize = 17;
const CONSOLE_IO: usize = 18;
const GRANT_TABLE_OP: usize = 20;
const SCHED_OP: usize = 29;
const EVENT_CHANNEL_OP: usize = 32;

const DECREASE_RESERVATION: usize = 1;
const EVENT_CLOSE: usize = 3;
const EVENT_ALLOC_UNBOUND: usize = 6;
const GRANT_SET_VERSION: usize = 8;
const SCHED_SHUTDOWN: usize = 2;
const SCHED_WATCHDOG: usize = 6;

const DOMID_SELF: u16 = 0x7ff0;

/// Makes a call with `argument`, which must be what the command takes.
fn operate<T>(number: usize, command: usize, argument: &mut T, count: usize) -> isize {
    let address = core::ptr::from_mut(argument).expose_provenance();
    // SAFETY: the callers below name the structure each command takes; it is live and
    // writable.
    unsafe { bare::hypercall(number, [command, address, count, 0]) }
}

/// Calls with arguments that make no sense, and none that could work.
pub(crate) fn storm(_: &mut Target) -> Option<()> {
    for turn in 0..50_000_usize {
        let wild = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (number, command) = [
            (XEN_VERSION, 1000 + turn % 100),
            (EVENT_CHANNEL_OP, 100 + turn % 100),
            (GRANT_TABLE_OP, 100 + turn % 100),
            (60, wild),
        ][turn % 4];
        // SAFETY: no such command exists: Xen answers with an error and touches nothing.
        unsafe { bare::hypercall(number, [command, wild, wild, wild]) };
    }
    Some(())
}

pub(crate) fn xen_console(_: &mut Target) -> Option<()> {
    let text = b"hostile was here\n";
    for _ in 0..1000 {
        let address = text.as_ptr().expose_provenance();
        // SAFETY: CONSOLEIO_write (0) takes a length and a text of that length.
        unsafe { bare::hypercall(CONSOLE_IO, [0, text.len(), address, 0]) };
    }
    Some(())
}

pub(crate) fn event_storm(target: &mut Target) -> Option<()> {
    target.port()?;
    (0..50_000).for_each(|_| target.send());
    Some(())
}

/// Events to every port there may be, as if ports were secret.
pub(crate) fn event_guess(_: &mut Target) -> Option<()> {
    for port in 0..5000_u32 {
        operate(EVENT_CHANNEL_OP, 4, &mut { port }, 0);
    }
    Some(())
}

pub(crate) fn event_hoard(_: &mut Target) -> Option<()> {
    /// `struct evtchn_alloc_unbound`.
    #[repr(C)]
    struct Unbound {
        domain: u16,
        remote: u16,
        port: u32,
    }
    let mut unbound = Unbound { domain: DOMID_SELF, remote: 0, port: 0 };
    for _ in 0..5000 {
        if operate(EVENT_CHANNEL_OP, EVENT_ALLOC_UNBOUND, &mut unbound, 0) != 0 {
            break;
        }
    }
    Some(())
}

pub(crate) fn event_close(target: &mut Target) -> Option<()> {
    let mut port = target.port()?.number();
    operate(EVENT_CHANNEL_OP, EVENT_CLOSE, &mut port, 0);
    // Nobody can be asked to wait any more.
    target.port();
    Some(())
}

/// `struct xen_memory_reservation`.
#[repr(C)]
struct Reservation {
    frames: *const u64,
    count: u64,
    order: u32,
    flags: u32,
    domain: u16,
}

fn give_back(frame: u64) {
    let mut reservation =
        Reservation { frames: &raw const frame, count: 1, order: 0, flags: 0, domain: DOMID_SELF };
    operate(MEMORY_OP, DECREASE_RESERVATION, &mut reservation, 0);
}

/// Gives Xen the pages of every ring, which the host has mapped or is about to map.
pub(crate) fn memory_rings(target: &mut Target) -> Option<()> {
    let page = target.page.as_ref()?;
    for slot in 1..32 {
        let at = TABLE + slot * SLOT;
        let first = u64::from(page.load(at + 8));
        if page.load(at) & 0xff != 0 {
            page.store_half(at + GUEST_FEATURES, 1 << 15);
            let address = usize::try_from(first).ok()? * 4096;
            give_back(target.boot.frame(address));
            give_back(target.boot.frame(address + 4096));
        }
    }
    (0..32).for_each(|slot| target.kick(slot));
    target.pause(50);
    Some(())
}

/// Gives Xen the noxs page itself. Its own view of the page is gone afterwards.
pub(crate) fn memory_page(target: &mut Target) -> Option<()> {
    let address = target.page.take()?.address();
    bare::forget(target.channel?);
    target.net = None;
    target.block = None;
    give_back(target.boot.frame(address));
    target.send();
    target.send();
    Some(())
}

pub(crate) fn grant_version(target: &mut Target) -> Option<()> {
    for mut version in [2_u32, 1, 2, 1] {
        operate(GRANT_TABLE_OP, GRANT_SET_VERSION, &mut version, 1);
    }
    // Whatever the table is now, entries of the other layout stand in it.
    for entry in 8..target.grants.entries() {
        target.grants.write(entry, 0, entry, 0xffff);
    }
    Some(())
}

pub(crate) fn end_wild(_: &mut Target) -> Option<()> {
    operate(SCHED_OP, SCHED_SHUTDOWN, &mut 200_u32, 0);
    Some(())
}

pub(crate) fn end_watchdog(target: &mut Target) -> Option<()> {
    // `struct sched_watchdog`: which, seconds.
    let mut watchdog = [0_u32, 1];
    operate(SCHED_OP, SCHED_WATCHDOG, &mut watchdog, 0);
    target.pause(5000);
    Some(())
}
