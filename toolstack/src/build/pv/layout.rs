//! Where everything goes in a PV guest, computed without touching Xen.

use super::page_tables::{Mapping, PageTables};
use crate::build::memory::Frames;
use crate::build::{Boot, BuildError};
use crate::image::PvBoot;
use crate::xen::abi::PAGE_SIZE;

/// Free pages that must follow the boot stack in the initial mapping.
const SLACK_PAGES: u64 = (512 << 10) / PAGE_SIZE;
/// The initial mapping ends on such a boundary.
const REGION_ALIGN: u64 = 4 << 20;

/// The layout of one guest.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) virt_base: u64,
    pub(super) kernel: Frames,
    pub(super) initrd: Frames,
    pub(super) p2m: Frames,
    pub(super) start_info: u64,
    /// The channel's pages. Without a channel the first is unused; zero, like every page nobody
    /// writes to, it is an idle store ring.
    pub(super) store: u64,
    pub(super) console: u64,
    pub(super) tables: Frames,
    pub(super) stack: u64,
    /// Page tables of a p2m list outside the initial mapping.
    pub(super) p2m_tables: Frames,
    pub(super) page_tables: PageTables,
    pub(super) mappings: Vec<Mapping>,
}

fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

/// Hands out runs of pfns one behind the other.
struct Cursor(u64);

impl Cursor {
    fn take(&mut self, count: u64) -> Frames {
        let frames = Frames { start: self.0, count };
        self.0 += count;
        frames
    }
}

impl Layout {
    /// Lays `boot` out in `total` pages, with `rings` pages of the channel behind the console.
    pub(super) fn new(
        total: u64,
        image: &PvBoot,
        boot: &Boot<'_>,
        rings: u64,
    ) -> Result<Self, BuildError> {
        let kernel = kernel_frames(image)?;
        let initrd_pages = pages(boot.ramdisk.map_or(0, |r| r.bytes().len()) as u64);
        let p2m_pages = pages(total * 8);
        let mut at = Cursor(kernel.end());
        let empty = Frames { start: 0, count: 0 };
        let mut initrd = empty;
        if !image.unmapped_initrd {
            initrd = at.take(initrd_pages);
        }
        let mut p2m = empty;
        if image.p2m_base.is_none() {
            p2m = at.take(p2m_pages);
        }
        let (start_info, store, console) = (at.take(1).start, at.take(1).start, at.take(1).start);
        at.take(rings);
        let mut page_tables = PageTables::default();
        let region = region_pages(image.virt_base, at.0)?;
        let tables = page_tables.missing(image.virt_base, region * PAGE_SIZE);
        let tables_at = at.take(tables.len() as u64);
        page_tables.place(&tables, tables_at.start);
        let stack = at.take(1).start;
        let mut mappings = vec![Mapping {
            start: image.virt_base,
            frames: Frames { start: 0, count: region.min(total) },
        }];
        let mut p2m_tables = empty;
        if let Some(base) = image.p2m_base {
            p2m = at.take(p2m_pages);
            check_apart(image.virt_base, region * PAGE_SIZE, base, p2m_pages * PAGE_SIZE)?;
            let extra = page_tables.missing(base, p2m_pages * PAGE_SIZE);
            p2m_tables = at.take(extra.len() as u64);
            page_tables.place(&extra, p2m_tables.start);
            mappings.push(Mapping { start: base, frames: p2m });
        }
        if image.unmapped_initrd {
            initrd = at.take(initrd_pages);
        }
        // Xen's contract promises the slack to be there, mapped.
        let end = at.0.max(stack + 1 + SLACK_PAGES);
        if end > total {
            let (have, need) = ((total * PAGE_SIZE) >> 10, (end * PAGE_SIZE) >> 10);
            return Err(BuildError::TooSmall { have, need });
        }
        let virt_base = image.virt_base;
        Ok(Layout {
            virt_base,
            kernel,
            initrd,
            p2m,
            start_info,
            store,
            console,
            tables: tables_at,
            stack,
            p2m_tables,
            page_tables,
            mappings,
        })
    }

    /// The virtual address of a pfn of the initial mapping.
    pub(super) fn address(&self, pfn: u64) -> u64 {
        self.virt_base + pfn * PAGE_SIZE
    }
}

fn kernel_frames(image: &PvBoot) -> Result<Frames, BuildError> {
    const BAD: &str = "it is loaded below its own VIRT_BASE";
    let start = image.virt_kstart.checked_sub(image.virt_base).ok_or(BuildError::BadLayout(BAD))?
        / PAGE_SIZE;
    let end =
        pages(image.virt_kend.checked_sub(image.virt_base).ok_or(BuildError::BadLayout(BAD))?);
    if !image.virt_base.is_multiple_of(PAGE_SIZE) || end <= start || end >= 1 << 40 {
        return Err(BuildError::BadLayout("its VIRT_BASE is not the start of a page"));
    }
    Ok(Frames { start, count: end - start })
}

/// Pages of the initial mapping: what is used so far, its own page tables, the
/// stack and the slack, rounded up.
fn region_pages(virt_base: u64, used: u64) -> Result<u64, BuildError> {
    const BAD: &str = "its mapping runs over the last address";
    let mut tables = 0;
    loop {
        let end = virt_base
            .checked_add((used + tables + 1 + SLACK_PAGES) * PAGE_SIZE)
            .and_then(|end| end.checked_add(REGION_ALIGN - 1))
            .ok_or(BuildError::BadLayout(BAD))?
            / REGION_ALIGN
            * REGION_ALIGN;
        let bytes = end - virt_base;
        let need = PageTables::default().missing(virt_base, bytes).len() as u64;
        if need <= tables {
            return Ok(bytes / PAGE_SIZE);
        }
        tables = need;
    }
}

fn check_apart(a: u64, a_bytes: u64, b: u64, b_bytes: u64) -> Result<(), BuildError> {
    let b_end = b.checked_add(b_bytes);
    let apart = b_end.is_some_and(|b_end| b_end <= a || a + (a_bytes - 1) < b);
    if b.is_multiple_of(PAGE_SIZE) && apart {
        Ok(())
    } else {
        Err(BuildError::BadLayout("its INIT_P2M area overlaps its initial mapping"))
    }
}
