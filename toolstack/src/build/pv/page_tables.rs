//! Initial page tables: which are needed, where they go, what they say.

use std::collections::BTreeMap;

use crate::build::memory::Frames;

/// A run of virtual pages and the pfns behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// First virtual address, page-aligned.
    pub(super) start: u64,
    /// The frames.
    pub(super) frames: Frames,
}

impl Mapping {
    /// The pfn mapped at `address`.
    fn pfn(&self, address: u64) -> Option<u64> {
        let page = address.checked_sub(self.start)? >> 12;
        (page < self.frames.count).then(|| self.frames.start + page)
    }
}

/// Levels of a page table on x86-64: 1 maps pages, 4 is the root.
const LEVELS: u32 = 4;
const ENTRIES: u64 = 512;
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
/// Of an entry that points to another table.
const TABLE_FLAGS: u64 = PRESENT | WRITABLE | USER | ACCESSED | DIRTY;

/// A table: its level, and which one of its level, counted by the addresses it serves.
pub(super) type Table = (u32, u64);

/// The table of `level` that serves `address`.
fn table(level: u32, address: u64) -> Table {
    if level == LEVELS { (level, 0) } else { (level, address >> (12 + 9 * level)) }
}

/// A set of page tables and where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageTables {
    tables: BTreeMap<Table, u64>,
    placed: Vec<Frames>,
}

impl PageTables {
    /// The tables that the `bytes` from `start` need beyond those already here, root
    /// first. The caller has checked that these are no more than there are.
    pub(super) fn missing(&self, start: u64, bytes: u64) -> Vec<Table> {
        let last = start + (bytes - 1);
        (1..=LEVELS)
            .rev()
            .flat_map(|level| {
                let numbers = table(level, start).1..=table(level, last).1;
                numbers.map(move |number| (level, number))
            })
            .filter(|table| !self.tables.contains_key(table))
            .collect()
    }

    /// Puts `tables` at the pfns from `first` on.
    pub(super) fn place(&mut self, tables: &[Table], first: u64) {
        self.tables.extend(tables.iter().copied().zip(first..));
        self.placed.push(Frames { start: first, count: tables.len() as u64 });
    }

    /// The pfn of the root.
    pub(super) fn root(&self) -> Option<u64> {
        self.tables.get(&(LEVELS, 0)).copied()
    }

    /// Every table's pfn and content, for the pages in `mappings`; `mfn` says which
    /// machine frame a pfn is.
    pub(super) fn contents(
        &self,
        mappings: &[Mapping],
        mfn: impl Fn(u64) -> u64,
    ) -> Vec<(u64, Vec<u8>)> {
        let content = |&(level, number): &Table| match level {
            1 => self.leaf(number, mappings, &mfn),
            _ => self.branch(level, number, &mfn),
        };
        self.tables.iter().map(|(table, &pfn)| (pfn, content(table))).collect()
    }

    /// A table of the lowest level. Tables themselves are mapped read-only, as Xen
    /// demands.
    fn leaf(&self, number: u64, mappings: &[Mapping], mfn: impl Fn(u64) -> u64) -> Vec<u8> {
        let is_table = |pfn| self.placed.iter().any(|f| (f.start..f.end()).contains(&pfn));
        let entry = |n: u64| {
            let address = (number << 21) + (n << 12);
            let pfn = mappings.iter().find_map(|mapping| mapping.pfn(address));
            pfn.map_or(0, |pfn| {
                let writable = if is_table(pfn) { 0 } else { WRITABLE };
                mfn(pfn) << 12 | PRESENT | ACCESSED | writable
            })
        };
        (0..ENTRIES).flat_map(|n| entry(n).to_le_bytes()).collect()
    }

    fn branch(&self, level: u32, number: u64, mfn: impl Fn(u64) -> u64) -> Vec<u8> {
        // The root counts as number 0, yet its children's numbers are sign-extended.
        let children = match level {
            LEVELS => (level - 1, 0)..=(level - 1, u64::MAX),
            _ => (level - 1, number << 9)..=(level - 1, number << 9 | (ENTRIES - 1)),
        };
        let mut entries = [0; 512];
        for (&(_, child), &pfn) in self.tables.range(children) {
            let index = usize::try_from(child % ENTRIES).unwrap_or(0);
            entries[index] = mfn(pfn) << 12 | TABLE_FLAGS;
        }
        entries.iter().flat_map(|e| e.to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Machine frames that no pfn equals.
    fn mfn(pfn: u64) -> u64 {
        pfn + 0x10_0000
    }

    /// What a processor finds at `address`.
    fn walk(contents: &BTreeMap<u64, Vec<u8>>, root: u64, address: u64) -> u64 {
        (1..=LEVELS).rev().fold(mfn(root) << 12, |entry, level| {
            let page = &contents[&((entry >> 12) - 0x10_0000)];
            let index = usize::try_from(address >> (12 + 9 * (level - 1)) & 511).unwrap();
            u64::from_le_bytes(page[index * 8..][..8].try_into().unwrap())
        })
    }

    fn check(base: u64, pages: u64, tables_at: u64) {
        let mut tables = PageTables::default();
        let needed = tables.missing(base, pages * 4096);
        tables.place(&needed, tables_at);
        assert!(tables.missing(base, pages * 4096).is_empty());
        let mapping = Mapping { start: base, frames: Frames { start: 0, count: pages } };
        let contents: BTreeMap<_, _> = tables.contents(&[mapping], mfn).into_iter().collect();
        assert_eq!(contents.len(), needed.len());
        for pfn in [0, pages / 2, pages - 1, tables_at.min(pages - 1)] {
            let entry = walk(&contents, tables.root().unwrap(), base + pfn * 4096);
            assert_eq!(entry >> 12, mfn(pfn));
            let is_table = contents.contains_key(&pfn);
            assert_eq!(entry & WRITABLE == 0, is_table, "pfn {pfn:#x}");
        }
    }

    #[test]
    fn linux_and_our_own_guests() {
        check(0xffff_ffff_8000_0000, 0x8000, 0x7000);
        check(0, 1024, 12);
    }

    proptest! {
        #[test]
        fn every_page_is_found(
            gib in 0u64..1 << 17,
            offset in 0u64..512,
            pages in 1u64..4096,
            tables_at in 0u64..5000,
        ) {
            let base = (gib << 30) + (offset << 21);
            check(base, pages, tables_at);
            check(base | 0xffff_8800_0000_0000, pages, tables_at);
        }
    }
}
