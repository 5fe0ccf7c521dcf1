//! Attacks on the receive ring: buffers that are none.

use crate::net;
use crate::target::{Net, Target};
use xen_rt::grant::Access;

/// Milliseconds the host gets to send something here.
const A_WHILE: u64 = 300;
/// A page of its own, granted for reading only.
const READ_ONLY_PAGE: usize = 40;
const WRITABLE_PAGE: usize = 41;

fn ring(target: &Target) -> Option<&Net> {
    target.net.as_ref()
}

/// Offers `count` buffers by `gref` and waits for something to arrive in them.
fn offer(target: &mut Target, gref: u32, count: u16) -> Option<()> {
    let net = ring(target)?;
    (0..count).for_each(|id| net.rx.push(&net::rx(id, gref)));
    target.kick(net.slot);
    ask(target)?;
    target.pause(A_WHILE);
    Some(())
}

/// Makes somebody answer: asks for the gateway's or neighbour's hardware address.
fn ask(target: &mut Target) -> Option<()> {
    crate::traffic::ask_around(target)
}

pub(crate) fn wild_index(target: &mut Target) -> Option<()> {
    let net = ring(target)?;
    net.rx.set_produced(net.rx.produced().wrapping_add(1 << 30));
    target.kick(net.slot);
    ask(target)?;
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn responses(target: &mut Target) -> Option<()> {
    let net = ring(target)?;
    net.rx.set_answered(net.rx.answered().wrapping_add(77));
    offer(target, 0, 8)
}

pub(crate) fn bad_grant(target: &mut Target) -> Option<()> {
    for gref in [0, 500, 512, u32::MAX] {
        offer(target, gref, 16)?;
    }
    Some(())
}

pub(crate) fn read_only(target: &mut Target) -> Option<()> {
    let gref = target.grant(READ_ONLY_PAGE, Access::Read);
    offer(target, gref, 16)
}

pub(crate) fn same_buffer(target: &mut Target) -> Option<()> {
    let gref = target.grant(WRITABLE_PAGE, Access::Write);
    offer(target, gref, 200)
}

pub(crate) fn no_buffer(target: &mut Target) -> Option<()> {
    for _ in 0..50 {
        ask(target)?;
    }
    target.pause(A_WHILE);
    Some(())
}
