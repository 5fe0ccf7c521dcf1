//! `verify`: writes a pattern over the disk and reads it again, in requests of all lengths.
//!
//! Words: `seed=N` the pattern (default 1), `size=KIB` how much of the disk (default all),
//! `read` reads only what an earlier run wrote.

use crate::disk::{Disk, PER_PAGE};
use crate::pattern::{Random, fill, find_error};
use crate::{BUFFER, Failure, Voice};
use xen_rt::block::{Direction, Part, SECTOR};
use xen_rt::cmdline;

/// Sectors that are given back in the end.
const DISCARDED: u64 = 2048;

pub(crate) fn run(voice: &mut Voice, disk: &mut Disk, line: &[u8]) -> Result<(), Failure> {
    let seed = cmdline::number(line, "seed").unwrap_or(1);
    let sectors = disk.config().sectors;
    let sectors = cmdline::number(line, "size").map_or(sectors, |kib| sectors.min(kib * 2));
    let whole = sectors - sectors % PER_PAGE as u64;
    if !cmdline::has(line, "read") {
        pass(voice, disk, Direction::Write, whole, seed)?;
        disk.flush(voice)?;
    }
    pass(voice, disk, Direction::Read, whole, seed)?;
    pieces(voice, disk, whole, seed)?;
    if disk.can_discard() && !disk.is_read_only() && cmdline::has(line, "discard") {
        discard(voice, disk, whole, seed)?;
    }
    voice.say(format_args!("verified {} KiB, seed {seed}", whole / 2));
    Ok(())
}

/// All of it, in stretches as long as the buffer.
fn pass(
    voice: &mut Voice,
    disk: &mut Disk,
    direction: Direction,
    sectors: u64,
    seed: u64,
) -> Result<(), Failure> {
    let most = (BUFFER * PER_PAGE) as u64;
    let mut sector = 0;
    while sector < sectors {
        let count = usize::try_from((sectors - sector).min(most)).unwrap_or(PER_PAGE);
        stretch(voice, disk, direction, sector, Part { page: 0, sectors: count }, seed)?;
        sector += count as u64;
    }
    Ok(())
}

fn stretch(
    voice: &mut Voice,
    disk: &mut Disk,
    direction: Direction,
    sector: u64,
    part: Part,
    seed: u64,
) -> Result<(), Failure> {
    let offset = sector * SECTOR as u64;
    let length = part.sectors * SECTOR;
    let pages = part.sectors.div_ceil(PER_PAGE);
    if direction == Direction::Write {
        fill(&mut disk.bytes(part.page, pages)[..length], seed, offset);
        return disk.transfer(voice, direction, sector, part);
    }
    disk.bytes(part.page, pages).fill(0xee);
    disk.transfer(voice, direction, sector, part)?;
    match find_error(&disk.bytes(part.page, pages)[..length], seed, offset) {
        None => Ok(()),
        Some(at) => Err(voice.complain(format_args!("byte {at} of the disk is wrong"))),
    }
}

/// Pieces of odd lengths at odd places, down to single sectors.
fn pieces(voice: &mut Voice, disk: &mut Disk, sectors: u64, seed: u64) -> Result<(), Failure> {
    let own = u64::from(disk.config().sector_size / 512).max(1);
    let mut random = Random::new(seed);
    for _ in 0..64 {
        let count = (1 + random.below(300)).next_multiple_of(own).min(sectors);
        let sector = random.below(sectors - count + 1) / own * own;
        let page = usize::try_from(random.below(64)).unwrap_or(0);
        let part = Part { page, sectors: usize::try_from(count).unwrap_or(1) };
        if !disk.is_read_only() {
            stretch(voice, disk, Direction::Write, sector, part, seed)?;
        }
        stretch(voice, disk, Direction::Read, sector, part, seed)?;
    }
    Ok(())
}

/// What was given back reads as zeros or as before; then it can be written again.
fn discard(voice: &mut Voice, disk: &mut Disk, sectors: u64, seed: u64) -> Result<(), Failure> {
    let count = DISCARDED.min(sectors);
    disk.discard(voice, 0, count)?;
    let part = Part { page: 0, sectors: usize::try_from(count).unwrap_or(PER_PAGE) };
    disk.transfer(voice, Direction::Read, 0, part)?;
    let pages = part.sectors.div_ceil(PER_PAGE);
    let bytes = &disk.bytes(0, pages)[..part.sectors * SECTOR];
    if bytes.iter().any(|&byte| byte != 0) && find_error(bytes, seed, 0).is_some() {
        return Err(voice.complain(format_args!("what was discarded reads as something else")));
    }
    let zeros = bytes.iter().all(|&byte| byte == 0);
    voice.say(format_args!("discarded {} KiB, zeros: {zeros}", count / 2));
    stretch(voice, disk, Direction::Write, 0, part, seed)
}
