//! `records`: writes numbered records and says which the disk has acknowledged, for tests
//! that kill somebody in between; `check` reads them again.
//!
//! A record is 4 KiB: its number, 512 times as a 64-bit little-endian word. Record `n` stands
//! at 4 KiB times `n` modulo the records the disk holds. Words: `count=N` (default 1000),
//! `first=N` (default 1), `flush` after every batch, `batch=N` (default 8).

use crate::disk::{Disk, PER_PAGE};
use crate::{Failure, Voice};
use xen_rt::block::{Direction, Part};
use xen_rt::cmdline;

fn sector(disk: &Disk, number: u64) -> u64 {
    let records = (disk.config().sectors / PER_PAGE as u64).max(1);
    number % records * PER_PAGE as u64
}

pub(crate) fn write(voice: &mut Voice, disk: &mut Disk, line: &[u8]) -> Result<(), Failure> {
    let first = cmdline::number(line, "first").unwrap_or(1);
    let end = first + cmdline::number(line, "count").unwrap_or(1000);
    let batch = cmdline::number(line, "batch").unwrap_or(8).clamp(1, 32);
    let flush = cmdline::has(line, "flush");
    let mut number = first;
    while number < end {
        let last = (number + batch).min(end) - 1;
        write_batch(voice, disk, number, last)?;
        if flush {
            disk.flush(voice)?;
        }
        voice.say(format_args!("acknowledged {last}"));
        number = last + 1;
    }
    Ok(())
}

fn write_batch(voice: &mut Voice, disk: &mut Disk, first: u64, last: u64) -> Result<(), Failure> {
    for (number, page) in (first..=last).zip(0..) {
        for word in disk.bytes(page, 1).chunks_exact_mut(8) {
            word.copy_from_slice(&number.to_le_bytes());
        }
        let at = sector(disk, number);
        disk.ask(voice, Direction::Write, at, Part { page, sectors: PER_PAGE })?;
    }
    disk.wait_all(voice)
}

pub(crate) fn check(voice: &mut Voice, disk: &mut Disk, line: &[u8]) -> Result<(), Failure> {
    let first = cmdline::number(line, "first").unwrap_or(1);
    let count = cmdline::number(line, "count").unwrap_or(1000);
    for number in first..first + count {
        let at = sector(disk, number);
        disk.transfer(voice, Direction::Read, at, Part { page: 0, sectors: PER_PAGE })?;
        let right = |word: &[u8]| word == number.to_le_bytes();
        if !disk.bytes(0, 1).chunks_exact(8).all(right) {
            return Err(voice.complain(format_args!("record {number} is not there")));
        }
    }
    voice.say(format_args!("checked {count} records"));
    Ok(())
}
