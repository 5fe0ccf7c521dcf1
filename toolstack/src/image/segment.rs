//! Loadable pieces of a kernel.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{ImageError, file};

/// A piece of the kernel and where it goes: an ELF program header of type `PT_LOAD`.
///
/// Cloning is cheap; the bytes are shared.
#[derive(Clone)]
pub struct Segment {
    /// Guest-physical address of the first byte (`p_paddr`).
    ///
    /// A PV guest's pseudo-physical address is this minus [`PvBoot::paddr_offset`].
    ///
    /// [`PvBoot::paddr_offset`]: super::PvBoot::paddr_offset
    pub paddr: u64,
    /// Virtual address the linker had in mind (`p_vaddr`).
    ///
    /// For information only: like Xen's own loader, builders place segments by `paddr`. Linux has a
    /// segment (per-CPU data) whose virtual address is 0.
    pub vaddr: u64,
    /// Size in guest memory, in bytes; what [`data`](Segment::data) does not cover is zero.
    pub memsz: u64,
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Segment {
    /// The caller has checked that `range` is inside `bytes`, not longer than `memsz`, and that
    /// `paddr + memsz` does not wrap.
    pub(super) fn new(placed: &Placed, bytes: &Arc<Vec<u8>>, range: Range<usize>) -> Segment {
        let Placed { paddr, vaddr, memsz, .. } = *placed;
        Segment { paddr, vaddr, memsz, bytes: Arc::clone(bytes), range }
    }

    /// The bytes to copy to `paddr`, at most `memsz` of them.
    ///
    /// Whole pages of zeros at the end of what the file holds are left out: guest memory beyond
    /// these bytes and up to `memsz` must be zero.
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }

    /// Guest-physical address behind the last byte. Never wraps.
    pub fn end(&self) -> u64 {
        self.paddr + self.memsz
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("paddr", &format_args!("{:#x}", self.paddr))
            .field("vaddr", &format_args!("{:#x}", self.vaddr))
            .field("memsz", &format_args!("{:#x}", self.memsz))
            .field("data", &format_args!("{:#x} bytes", self.range.len()))
            .finish()
    }
}

/// A checked program header: where a segment goes and where its bytes are in the ELF file.
pub(super) struct Placed {
    pub(super) paddr: u64,
    pub(super) vaddr: u64,
    pub(super) memsz: u64,
    pub(super) align: u64,
    pub(super) file: Range<usize>,
}

/// Segments that refer into `elf`, which becomes theirs.
pub(super) fn share(placed: &[Placed], elf: Vec<u8>) -> Vec<Segment> {
    let bytes = Arc::new(elf);
    placed.iter().map(|p| Segment::new(p, &bytes, trimmed(&bytes, &p.file))).collect()
}

/// Segments with their bytes copied from `elf`.
pub(super) fn copy(placed: &[Placed], elf: &[u8]) -> Result<Vec<Segment>, ImageError> {
    let ranges: Vec<_> = placed.iter().map(|p| trimmed(elf, &p.file)).collect();
    let size: usize = ranges.iter().map(Range::len).sum();
    let mut bytes = file::reserve("kernel segments", size as u64)?;
    let mut copies = Vec::with_capacity(ranges.len());
    for range in ranges {
        let start = bytes.len();
        bytes.extend_from_slice(&elf[range]);
        copies.push(start..bytes.len());
    }
    let bytes = Arc::new(bytes);
    Ok(placed.iter().zip(copies).map(|(p, range)| Segment::new(p, &bytes, range)).collect())
}

/// `range` without the whole pages of zeros at its end.
///
/// Linux's vmlinux carries its .bss in the file; a third of what would be copied into every guest.
fn trimmed(elf: &[u8], range: &Range<usize>) -> Range<usize> {
    const PAGE: usize = 4096;
    let data = &elf[range.clone()];
    let zero = |page: &[u8]| page.iter().fold(0, |seen, byte| seen | byte) == 0;
    let kept = data.chunks(PAGE).rposition(|page| !zero(page)).map_or(0, |last| last + 1);
    range.start..range.start + data.len().min(kept * PAGE)
}
