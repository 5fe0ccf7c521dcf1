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

/// Levels of a page table on x86-64: 1 maps pages, 4 is the root.
const LEVELS: u32 = 4;
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
/// Of an entry that points to another table.
const TABLE_FLAGS: u64 = PRESENT | WRITABLE | USER | ACCESSED | DIRTY;

/// Address bits below those that index a table of `level`.
fn shift(level: u32) -> u32 {
    12 + 9 * (level - 1)
}

/// The part of `address` that names its table of `level`; 0 for the root.
fn table_key(level: u32, address: u64) -> u64 {
    if level == LEVELS { 0 } else { address >> shift(level + 1) }
}

/// A set of page tables, by level and the addresses each serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageTables {
    tables: BTreeMap<(u32, u64), u64>,
}

impl PageTables {
    /// The tables that `mapping` needs beyond those already here, root first.
    pub(super) fn missing(&self, start: u64, bytes: u64) -> Vec<(u32, u64)> {
        let last = start + (bytes - 1);
        let keys = |level| table_key(level, start)..=table_key(level, last);
        (1..=LEVELS)
            .rev()
            .flat_map(|level| keys(level).map(move |key| (level, key)))
            .filter(|table| !self.tables.contains_key(table))
            .collect()
    }

    /// Puts `tables` at the pfns from `first` on.
    pub(super) fn place(&mut self, tables: &[(u32, u64)], first: u64) {
        for (n, &table) in (0..).zip(tables) {
            self.tables.insert(table, first + n);
        }
    }

    /// The pfn of the root.
    pub(super) fn root(&self) -> Option<u64> {
        self.tables.get(&(LEVELS, 0)).copied()
    }

    fn is_table(&self, pfn: u64) -> bool {
        self.tables.values().any(|&t| t == pfn)
    }

    /// Every table's pfn and content, for the frames in `p2m` and the pages in
    /// `mappings`. Tables themselves are mapped read-only, as Xen demands.
    pub(super) fn contents(
        &self,
        mappings: &[Mapping],
        p2m: &[u64],
    ) -> Vec<(u64, Box<[u64; 512]>)> {
        let mut pages: BTreeMap<u64, Box<[u64; 512]>> =
            self.tables.values().map(|&pfn| (pfn, Box::new([0; 512]))).collect();
        for (&(level, key), &pfn) in &self.tables {
            if level < LEVELS {
                let address = key << shift(level + 1);
                self.set(&mut pages, level + 1, address, entry(p2m, pfn, TABLE_FLAGS));
            }
        }
        let first_table = self.tables.values().min().copied().unwrap_or(0);
        for mapping in mappings {
            for n in 0..mapping.frames.count {
                let pfn = mapping.frames.start + n;
                let table = pfn >= first_table && self.is_table(pfn);
                let flags = PRESENT | ACCESSED | if table { 0 } else { WRITABLE };
                self.set(&mut pages, 1, mapping.start + n * 4096, entry(p2m, pfn, flags));
            }
        }
        pages.into_iter().collect()
    }

    fn set(
        &self,
        pages: &mut BTreeMap<u64, Box<[u64; 512]>>,
        level: u32,
        address: u64,
        value: u64,
    ) {
        let index = usize::from(u16::try_from(address >> shift(level) & 511).unwrap_or(0));
        let table = self.tables.get(&(level, table_key(level, address)));
        if let Some(page) = table.and_then(|pfn| pages.get_mut(pfn)) {
            page[index] = value;
        }
    }
}

fn entry(p2m: &[u64], pfn: u64, flags: u64) -> u64 {
    let mfn = usize::try_from(pfn).ok().and_then(|n| p2m.get(n)).copied().unwrap_or(0);
    mfn << 12 | flags
}
