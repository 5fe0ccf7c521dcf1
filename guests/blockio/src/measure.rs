//! `random`, `sequential`: how fast the disk is.
//!
//! Words: `count=N` requests (default 2000), `depth=N` under way at a time (default 16, for
//! `random`), `write` writes instead of reading.

use crate::disk::{Disk, PER_PAGE};
use crate::pattern::Random;
use crate::{BUFFER, Failure, Voice};
use xen_rt::block::{Direction, Part};
use xen_rt::cmdline;

const MIB_SECTORS: usize = BUFFER * PER_PAGE;

fn direction(line: &[u8]) -> (Direction, &'static str) {
    if cmdline::has(line, "write") {
        (Direction::Write, "write")
    } else {
        (Direction::Read, "read")
    }
}

/// Single pages at random places, `depth` of them at a time.
pub(crate) fn random(voice: &mut Voice, disk: &mut Disk, line: &[u8]) -> Result<(), Failure> {
    let (direction, name) = direction(line);
    let count = cmdline::number(line, "count").unwrap_or(2000);
    let depth = cmdline::number(line, "depth").unwrap_or(16).clamp(1, 32) as u32;
    let pages = (disk.config().sectors / PER_PAGE as u64).max(1);
    let mut random = Random::new(count);
    let began = disk.clock.now();
    let mut asked = 0;
    // The page of the buffer goes by the request's number, which is free when it is.
    while asked < count {
        while disk.under_way() < depth && asked < count {
            let sector = random.below(pages) * PER_PAGE as u64;
            let page = usize::try_from(asked).unwrap_or(0) % BUFFER;
            disk.ask(voice, direction, sector, Part { page, sectors: PER_PAGE })?;
            asked += 1;
        }
        disk.wait(voice)?;
    }
    disk.wait_all(voice)?;
    let time = (disk.clock.now() - began).max(1);
    let rate = u128::from(count) * 1_000_000_000 / u128::from(time);
    voice.say(format_args!("random-4k {name}: {count} in {} us, {rate} per second", time / 1000));
    Ok(())
}

/// Pieces of 1 MiB one after the other, each whole before the next.
pub(crate) fn sequential(voice: &mut Voice, disk: &mut Disk, line: &[u8]) -> Result<(), Failure> {
    let (direction, name) = direction(line);
    let whole = disk.config().sectors / MIB_SECTORS as u64;
    let count = cmdline::number(line, "count").unwrap_or(64);
    if whole == 0 {
        return Err(voice.complain(format_args!("the disk is smaller than 1 MiB")));
    }
    let began = disk.clock.now();
    for index in 0..count {
        let sector = index % whole * MIB_SECTORS as u64;
        disk.transfer(voice, direction, sector, Part { page: 0, sectors: MIB_SECTORS })?;
    }
    let time = (disk.clock.now() - began).max(1);
    let rate = u128::from(count) * 1_048_576 * 1000 / u128::from(time);
    voice.say(format_args!("sequential-1m {name}: {count} in {} us, {rate} MB/s", time / 1000));
    Ok(())
}
