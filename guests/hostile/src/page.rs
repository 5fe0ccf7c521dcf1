//! Attacks on the noxs page: the host's own fields, doorbells, reports, the log.

use crate::target::{
    BELL_DEVICES, BELL_SERVICES, GUEST_FEATURES, HOST_ASLEEP, SLOT, TABLE, Target,
};
use xen_rt::shared::SharedPage;

const GUEST_ASLEEP: usize = 0x88;
const ACKNOWLEDGED: usize = 0x100;
const STATE: usize = 0x104;
const REPORT_END: usize = 0x128;
const LOG_PRODUCED: usize = 0x140;
const LOG_DROPPED: usize = 0x144;
const LOG_CONSUMED: usize = 0x160;
const LOG: usize = 0xc00;
const LOG_SIZE: u32 = 1024;

const CONTROL_BELL: u32 = 1;
const LOG_BELL: u32 = 2;
const A_WHILE: u64 = 20;

fn page(target: &Target) -> Option<&SharedPage> {
    target.page.as_ref()
}

/// Rings for the services named by `bits`.
fn ring(target: &Target, bits: u32) -> Option<()> {
    let page = page(target)?;
    page.set_bits(BELL_SERVICES, bits);
    page.store(HOST_ASLEEP, 0);
    target.send();
    target.pause(A_WHILE);
    Some(())
}

/// Writes `value` over `from..to`, tells the host, and puts back what was there.
fn overwrite(target: &Target, from: usize, to: usize, value: u32) -> Option<()> {
    let page = page(target)?;
    let mut before = [0; 4096];
    page.read(0, &mut before);
    (from..to).step_by(4).for_each(|at| page.store(at, value));
    target.kick(0);
    ring(target, u32::MAX)?;
    page.write(from, &before[from..to]);
    Some(())
}

pub(crate) fn header(target: &mut Target) -> Option<()> {
    overwrite(target, 0, 0x40, u32::MAX)?;
    overwrite(target, 0, 0x40, 0)
}

pub(crate) fn table(target: &mut Target) -> Option<()> {
    for value in [u32::MAX, 0, 0x0203_0102, 0x8000_0001] {
        overwrite(target, TABLE, 0xc00, value)?;
    }
    Some(())
}

pub(crate) fn identity(target: &mut Target) -> Option<()> {
    overwrite(target, 0x180, TABLE, u32::MAX)
}

pub(crate) fn everything(target: &mut Target) -> Option<()> {
    for value in [u32::MAX, 0, 0x5555_5555, 0x8000_0000] {
        overwrite(target, 0, 4096, value)?;
    }
    Some(())
}

pub(crate) fn frames(target: &mut Target) -> Option<()> {
    let page = page(target)?;
    // Every device says its ring is the first page of memory, or none at all.
    for frame in [0, 1, u32::MAX] {
        for slot in 0..32 {
            page.store(TABLE + slot * SLOT + 8, frame);
        }
        ring(target, u32::MAX)?;
        target.kick(1);
    }
    Some(())
}

pub(crate) fn features(target: &mut Target) -> Option<()> {
    let page = page(target)?;
    for turn in 0..500_u16 {
        for slot in 0..32 {
            page.store_half(TABLE + slot * SLOT + GUEST_FEATURES, (turn & 1) << 15 | turn);
        }
        ring_only(target)?;
    }
    target.pause(A_WHILE);
    Some(())
}

fn ring_only(target: &Target) -> Option<()> {
    let page = page(target)?;
    page.set_bits(BELL_DEVICES, u32::MAX);
    page.set_bits(BELL_SERVICES, u32::MAX);
    page.store(HOST_ASLEEP, 0);
    target.send();
    Some(())
}

pub(crate) fn states(target: &mut Target) -> Option<()> {
    for state in [4, 0, 3, 1, 2, 2, 0, 5, 77, u32::MAX, 1, 2] {
        let page = page(target)?;
        (STATE..REPORT_END).step_by(4).for_each(|at| page.store(at, state ^ 0x5a00));
        page.store(STATE, state);
        ring(target, CONTROL_BELL)?;
    }
    Some(())
}

pub(crate) fn acknowledge(target: &mut Target) -> Option<()> {
    // The last one stays: a host that was late has to find it.
    for number in [0, u32::MAX, 1 << 31, 1] {
        page(target)?.store(ACKNOWLEDGED, number);
        ring(target, CONTROL_BELL)?;
    }
    Some(())
}

pub(crate) fn doorbells(target: &mut Target) -> Option<()> {
    for _ in 0..20_000 {
        ring_only(target)?;
    }
    Some(())
}

pub(crate) fn asleep(target: &mut Target) -> Option<()> {
    let page = page(target)?;
    for turn in 0..5_000 {
        page.store(GUEST_ASLEEP, turn | 1);
        page.store(HOST_ASLEEP, turn);
        target.send();
    }
    page.store(GUEST_ASLEEP, 0);
    Some(())
}

/// Writes one record's head at the log's position.
fn record(page: &SharedPage, length: u16, severity: u8) {
    let produced = page.load(LOG_PRODUCED);
    let at = LOG + ((produced % LOG_SIZE) & !3) as usize;
    page.store(at, u32::from(length) | u32::from(severity) << 16 | 0xff00_0000);
    page.store(LOG_PRODUCED, produced.wrapping_add(u32::from(length)));
}

pub(crate) fn log_wild(target: &mut Target) -> Option<()> {
    for produced in [1025, 1 << 31, u32::MAX, 3, 1024] {
        let page = page(target)?;
        page.store(LOG_PRODUCED, page.load(LOG_CONSUMED).wrapping_add(produced));
        ring(target, LOG_BELL)?;
    }
    Some(())
}

pub(crate) fn log_records(target: &mut Target) -> Option<()> {
    for (length, severity) in [(0, 0), (1, 3), (3, 200), (4, 7), (8, 9), (1021, 3), (65_535, 255)] {
        record(page(target)?, length, severity);
        ring(target, LOG_BELL)?;
        let page = page(target)?;
        page.store(LOG_PRODUCED, page.load(LOG_CONSUMED));
    }
    Some(())
}

pub(crate) fn log_consumed(target: &mut Target) -> Option<()> {
    for consumed in [1, u32::MAX, 1 << 31] {
        page(target)?.store(LOG_CONSUMED, consumed);
        page(target)?.store(LOG_DROPPED, consumed);
        ring(target, LOG_BELL)?;
    }
    Some(())
}

/// As many records as fit, again and again, with control characters and bad UTF-8.
pub(crate) fn log_flood(target: &mut Target) -> Option<()> {
    const RECORD: u32 = 64;
    for _ in 0..20_000 {
        let page = page(target)?;
        let (produced, consumed) = (page.load(LOG_PRODUCED), page.load(LOG_CONSUMED));
        if produced.wrapping_sub(consumed) <= LOG_SIZE - RECORD {
            let at = (LOG + (produced % LOG_SIZE) as usize) & !3;
            let room = (LOG + LOG_SIZE as usize - at).min(RECORD as usize);
            page.write(at, &[b"\n\x1b[31m<1>\xff\x00"[(produced / 64 % 10) as usize]; 64][..room]);
            page.store(at, RECORD | 3 << 16);
            page.store(LOG_PRODUCED, produced.wrapping_add(RECORD));
        }
        page.set_bits(BELL_SERVICES, LOG_BELL);
        page.store(HOST_ASLEEP, 0);
        target.send();
    }
    Some(())
}
