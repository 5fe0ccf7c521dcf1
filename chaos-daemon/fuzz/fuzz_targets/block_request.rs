//! Slots of a disk's ring in both layouts, and pages of names.
#![no_main]

use chaos_daemon::block::request::{Bounds, Command, Parts, Range, parts_in};
use libfuzzer_sys::fuzz_target;
use noxs::block::{Abi32, Abi64};
use noxs::ring::Protocol;

const SECTORS: u64 = 1 << 21;

fuzz_target!(|bytes: &[u8]| {
    for (writable, discard) in [(true, true), (false, false)] {
        let bounds = Bounds { sectors: SECTORS, writable, discard };
        if bytes.len() >= Abi64::SLOT {
            check(&Command::of(&Abi64::request(bytes), bounds), bounds);
            check(&Command::of(&Abi32::request(bytes), bounds), bounds);
        }
    }
    // An indirect request: its sector, and a page of names.
    let (sector, names) = bytes.split_at(bytes.len().min(8));
    let mut word = [0; 8];
    word[..sector.len()].copy_from_slice(sector);
    let parts = parts_in(names).unwrap_or_default();
    assert!(parts.iter().all(|part| part.len >= 512 && part.offset + part.len <= 4096));
    let bounds = Bounds { sectors: SECTORS, writable: true, discard: true };
    if let Ok(range) = Range::for_parts(u64::from_le_bytes(word), &parts, bounds) {
        assert!(range.offset + range.len <= SECTORS * 512);
        assert_eq!(range.len, parts.iter().map(|part| u64::from(part.len)).sum::<u64>());
    }
});

fn check<E>(command: &Result<Command, E>, bounds: Bounds) {
    let range = match command {
        Ok(Command::Discard(range)) => *range,
        Ok(Command::Transfer(transfer)) => match &transfer.parts {
            Parts::Here(parts) => match Range::for_parts(transfer.sector, parts, bounds) {
                Ok(range) => range,
                Err(refusal) => panic!("accepted, then {refusal}"),
            },
            Parts::Named { count, .. } => return assert!((1..=256).contains(count)),
        },
        Ok(Command::Flush) | Err(_) => return,
    };
    assert!(range.offset + range.len <= SECTORS * 512);
}
