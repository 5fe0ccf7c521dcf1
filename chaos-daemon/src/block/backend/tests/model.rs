//! Random requests against a model of the disk.

use noxs::block::{operation, status};
use proptest::prelude::*;

use super::super::BlockOptions;
use super::guest::{Guest, image, open};
use noxs::block::Body;

const SECTORS: u64 = 256;

#[derive(Clone, Debug)]
enum Ask {
    Read { sector: u64, parts: Vec<(u8, u8)>, indirect: bool },
    Write { sector: u64, parts: Vec<(u8, u8)>, indirect: bool, byte: u8 },
    Flush,
    Barrier { sector: u64, byte: u8 },
    Discard { sector: u64, count: u64 },
    NoGrant { write: bool, sector: u64 },
}

impl Ask {
    /// The sectors it concerns, if it is within the disk.
    fn range(&self) -> Option<std::ops::Range<u64>> {
        let (sector, count) = match self {
            Ask::Read { sector, parts, .. } | Ask::Write { sector, parts, .. } => {
                let count = parts.iter().map(|(first, last)| u64::from(last - first) + 1).sum();
                (*sector, count)
            }
            Ask::Flush => (0, 0),
            Ask::Barrier { sector, .. } | Ask::NoGrant { sector, .. } => (*sector, 8),
            Ask::Discard { sector, count } => (*sector, *count),
        };
        (sector + count <= SECTORS).then_some(sector..sector + count)
    }

    /// Whether the order of the two could show.
    fn conflicts(&self, other: &Ask) -> bool {
        match (self.range(), other.range()) {
            (Some(a), Some(b)) => a.start < b.end && b.start < a.end,
            _ => false,
        }
    }
}

fn part() -> impl Strategy<Value = (u8, u8)> {
    (0u8..8, 0u8..8).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn parts() -> impl Strategy<Value = (Vec<(u8, u8)>, bool)> {
    prop_oneof![
        prop::collection::vec(part(), 1..=11).prop_map(|parts| (parts, false)),
        prop::collection::vec(part(), 1..=40).prop_map(|parts| (parts, true)),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let sector = || 0..SECTORS + 8;
    prop_oneof![
        4 => (sector(), parts())
            .prop_map(|(sector, (parts, indirect))| Ask::Read { sector, parts, indirect }),
        4 => (sector(), parts(), 1u8..).prop_map(|(sector, (parts, indirect), byte)| {
            Ask::Write { sector, parts, indirect, byte }
        }),
        1 => Just(Ask::Flush),
        1 => (sector(), 1u8..).prop_map(|(sector, byte)| Ask::Barrier { sector, byte }),
        1 => (sector(), 0..64u64).prop_map(|(sector, count)| Ask::Discard { sector, count }),
        1 => (any::<bool>(), sector()).prop_map(|(write, sector)| Ask::NoGrant { write, sector }),
    ]
}

/// The disk as it should be, one byte for each sector.
struct Model {
    sectors: Vec<u8>,
    next_grant: u32,
}

impl Model {
    fn grants(&mut self, guest: &mut Guest, parts: &[(u8, u8)], byte: u8) -> Vec<(u32, u8, u8)> {
        let mut grant = |&(first, last): &(u8, u8)| {
            self.next_grant += 1;
            guest.grant(self.next_grant, byte);
            (self.next_grant, first, last)
        };
        parts.iter().map(&mut grant).collect()
    }

    fn ask(&mut self, guest: &mut Guest, id: u64, ask: &Ask) -> Vec<(u32, u8, u8)> {
        match ask {
            Ask::Read { sector, parts, indirect } => {
                let named = self.grants(guest, parts, 0xee);
                self.transfer(guest, id, operation::READ, *sector, &named, *indirect);
                named
            }
            Ask::Write { sector, parts, indirect, byte } => {
                let named = self.grants(guest, parts, *byte);
                self.transfer(guest, id, operation::WRITE, *sector, &named, *indirect);
                named
            }
            Ask::Flush => {
                guest.ask_parts(id, operation::FLUSH_DISKCACHE, 0, &[]);
                Vec::new()
            }
            Ask::Barrier { sector, byte } => {
                let named = self.grants(guest, &[(0, 7)], *byte);
                guest.ask_parts(id, operation::WRITE_BARRIER, *sector, &named);
                Vec::new()
            }
            Ask::Discard { sector, count } => {
                guest.ask(id, *sector, Body::Discard { flag: 0, count: *count });
                Vec::new()
            }
            Ask::NoGrant { write, sector } => {
                let operation = if *write { operation::WRITE } else { operation::READ };
                guest.ask_pages(id, operation, *sector, &[u32::MAX]);
                Vec::new()
            }
        }
    }

    fn transfer(
        &mut self,
        guest: &mut Guest,
        id: u64,
        operation: u8,
        sector: u64,
        named: &[(u32, u8, u8)],
        indirect: bool,
    ) {
        if indirect {
            self.next_grant += 1;
            guest.ask_indirect(id, operation, sector, self.next_grant, named);
        } else {
            guest.ask_parts(id, operation, sector, named);
        }
    }

    /// What the request does; the status it is answered with.
    fn apply(&mut self, guest: &Guest, ask: &Ask, named: &[(u32, u8, u8)]) -> i16 {
        let Some(range) = ask.range() else { return status::ERROR };
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let sectors = &mut self.sectors[range];
        match ask {
            Ask::Read { .. } => assert_eq!(found(guest, named), *sectors),
            Ask::Write { byte, .. } | Ask::Barrier { byte, .. } => sectors.fill(*byte),
            Ask::Discard { .. } => sectors.fill(0),
            Ask::NoGrant { .. } => return status::ERROR,
            Ask::Flush => {}
        }
        status::OKAY
    }
}

/// One byte for each sector that was read.
fn found(guest: &Guest, named: &[(u32, u8, u8)]) -> Vec<u8> {
    let sector = |grant: u32, sector: u8| {
        let at = usize::from(sector) * 512;
        let bytes = &guest.granted[&grant][at..at + 512];
        assert!(bytes.iter().all(|byte| *byte == bytes[0]));
        bytes[0]
    };
    named.iter().flat_map(|&(grant, a, b)| (a..=b).map(move |n| sector(grant, n))).collect()
}

/// Those that do not conflict with one before them.
fn compatible(asks: Vec<Ask>) -> Vec<Ask> {
    let mut kept: Vec<Ask> = Vec::new();
    for ask in asks {
        if !kept.iter().any(|other| other.conflicts(&ask)) {
            kept.push(ask);
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_disk_is_as_the_model(
        rounds in prop::collection::vec(prop::collection::vec(ask(), 1..32), 1..6),
    ) {
        let (_dir, path) = image(SECTORS);
        let mut guest = Guest::new(open(&path, true), BlockOptions::default(), 1);
        let mut model = Model { sectors: vec![0; 256], next_grant: 0 };
        for round in rounds.into_iter().map(compatible) {
            let named: Vec<_> = (0..)
                .zip(&round)
                .map(|(id, ask)| model.ask(&mut guest, id, ask))
                .collect();
            let responses = guest.run();
            prop_assert_eq!(responses.len(), round.len());
            for (index, (ask, named)) in round.iter().zip(&named).enumerate() {
                prop_assert_eq!(responses[index].id, index as u64);
                let status = model.apply(&guest, ask, named);
                prop_assert_eq!(responses[index].status, status, "{:?}", ask);
            }
        }
        let image = std::fs::read(&path).unwrap();
        let bytes: Vec<_> = image.chunks(512).map(|sector| sector[0]).collect();
        prop_assert_eq!(bytes, model.sectors);
    }
}
