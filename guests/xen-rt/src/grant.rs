//! The grant table, version 1 entries: pages of this guest that another domain may use.
//!
//! An entry is eight bytes: flags, the other domain, the frame (Xen `public/grant_table.h`,
//! `struct grant_entry_v1`). Granting takes no hypercall.

use crate::bitmap::Bitmap;
use crate::hypercall::{self, DOMID_SELF, Number};
use crate::info::{BootInfo, Flavour};
use crate::pages::Pages;
use crate::paging::{self, PAGE_SIZE, Page};
use crate::place::{self, Space};
use crate::shared::SharedPage;

const SETUP_TABLE: usize = 2;

const ENTRY: usize = 8;
const PER_FRAME: u32 = 512;
const _: () = assert!(PER_FRAME as usize * ENTRY == PAGE_SIZE);
/// Entries at the start that belong to the toolstack, `GNTTAB_NR_RESERVED_ENTRIES`.
const RESERVED: u32 = 8;
/// Frames of a table this runtime uses at most.
const MOST_FRAMES: u32 = 4;
const WORDS: usize = (MOST_FRAMES * PER_FRAME / 64) as usize;

const PERMIT_ACCESS: u16 = 1;
const READ_ONLY: u16 = 1 << 2;
/// Set by Xen while the other domain reads or writes.
const IN_USE: u16 = 1 << 3 | 1 << 4;

/// Where the table's first frame goes when the guest has to place it itself.
#[unsafe(link_section = ".bss.pages")]
static PLACE: Page = Page::zero();

/// What the other domain may do with a granted page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read and write.
    Write,
}

/// The number by which another domain names a page of this guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantRef(u32);

impl GrantRef {
    /// The number, as it goes into requests.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The other domain still uses the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InUse;

/// The guest's grant table. There is one; who opens it owns it.
pub struct Grants {
    frames: [Option<SharedPage>; MOST_FRAMES as usize],
    entries: u32,
    used: Bitmap<WORDS>,
    boot: BootInfo,
}

impl Grants {
    /// Takes over the table the toolstack placed, as guest frame number and count of its
    /// frames; without that, places its first frame. `None` where that cannot be.
    #[must_use]
    pub fn open(boot: BootInfo, placed: Option<(u64, u32)>) -> Option<Self> {
        match placed {
            Some((gfn, frames)) => Self::on_placed(boot, gfn, frames),
            None => Self::placing(boot),
        }
    }

    fn on_placed(boot: BootInfo, gfn: u64, frames: u32) -> Option<Self> {
        let size = PAGE_SIZE as u64;
        let frames = frames.min(MOST_FRAMES);
        let first = paging::map(boot, gfn.checked_mul(size)?, u64::from(frames) * size)?;
        let page = |index: usize| {
            (index < frames as usize).then(|| {
                // SAFETY: the toolstack placed that many frames of the grant table there.
                unsafe { SharedPage::new(first.wrapping_add(index * PAGE_SIZE)) }
            })
        };
        Some(Self::over(boot, core::array::from_fn(page), frames))
    }

    fn placing(boot: BootInfo) -> Option<Self> {
        match boot.flavour() {
            Flavour::Pvh => place::pvh(Space::GrantTable, 0, PLACE.address())?,
            Flavour::Pv => place::pv(first_frame()? * PAGE_SIZE, PLACE.address())?,
        }
        let address = core::ptr::with_exposed_provenance_mut(PLACE.address());
        // SAFETY: the place is a page of the image that nothing else uses; Xen's page
        // stays there.
        let page = unsafe { SharedPage::new(address) };
        Some(Self::over(boot, [Some(page), None, None, None], 1))
    }

    fn over(
        boot: BootInfo,
        frames: [Option<SharedPage>; MOST_FRAMES as usize],
        count: u32,
    ) -> Self {
        Self { frames, entries: count * PER_FRAME, used: Bitmap::new(), boot }
    }

    /// Lets domain `peer` access the page at `address`, an address of the image's own.
    /// `None` when the table is full.
    pub fn give(&mut self, peer: u16, address: *const u8, access: Access) -> Option<GrantRef> {
        let number = self.used.take(self.entries.checked_sub(RESERVED)?)? + RESERVED;
        let frame = u32::try_from(self.boot.frame(address.addr())).ok()?;
        let flags = match access {
            Access::Read => PERMIT_ACCESS | READ_ONLY,
            Access::Write => PERMIT_ACCESS,
        };
        self.write(number, peer, frame, flags);
        Some(GrantRef(number))
    }

    /// Ends what [`give`](Self::give) began.
    ///
    /// # Errors
    /// While the other domain has the page mapped or copies from or to it.
    pub fn take_back(&mut self, grant: GrantRef) -> Result<(), InUse> {
        let Some((page, offset)) = self.entry(grant.0) else { return Ok(()) };
        loop {
            let flags = page.load_half(offset);
            if flags & IN_USE != 0 {
                return Err(InUse);
            }
            if page.exchange_half(offset, flags, 0) == flags {
                break;
            }
        }
        self.used.free(grant.0 - RESERVED);
        Ok(())
    }

    /// Writes an entry as it is told, whatever it says.
    pub fn write(&self, number: u32, peer: u16, frame: u32, flags: u16) {
        if let Some((page, offset)) = self.entry(number) {
            page.store_half(offset + 2, peer);
            page.store(offset + 4, frame);
            page.store_half(offset, flags);
        }
    }

    /// Entries the table has.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries
    }

    fn entry(&self, number: u32) -> Option<(&SharedPage, usize)> {
        let page = self.frames.get((number / PER_FRAME) as usize)?.as_ref()?;
        Some((page, (number % PER_FRAME) as usize * ENTRY))
    }
}

/// Pages that another domain may use, at most `N`.
pub struct Granted<const N: usize> {
    pages: Pages,
    grants: [Option<GrantRef>; N],
}

impl<const N: usize> Granted<N> {
    /// Lets domain `peer` access the first `N` of `pages`. `None` when the table is full.
    #[must_use]
    pub fn new(grants: &mut Grants, peer: u16, pages: Pages, access: Access) -> Option<Self> {
        let mut given = [None; N];
        for (index, grant) in given.iter_mut().enumerate().take(pages.count()) {
            *grant = Some(grants.give(peer, pages.address(index), access)?);
        }
        Some(Self { pages, grants: given })
    }

    /// Pages that are granted.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.pages.count().min(N)).unwrap_or(0)
    }

    /// The number by which the other domain names page `index`; 0 where there is none.
    #[must_use]
    pub fn number(&self, index: usize) -> u32 {
        self.grants.get(index).copied().flatten().map_or(0, GrantRef::number)
    }

    /// The bytes of `count` pages from page `index` on.
    ///
    /// # Panics
    /// When there are not that many.
    ///
    /// # Safety
    /// As [`Pages::bytes`].
    #[must_use]
    pub unsafe fn bytes(&mut self, index: usize, count: usize) -> &mut [u8] {
        // SAFETY: the caller's obligation.
        unsafe { self.pages.bytes(index, count) }
    }

    /// The pages, nobody else's again. `None` when the other domain still uses one: then none
    /// of them can be used for anything else.
    #[must_use]
    pub fn end(self, grants: &mut Grants) -> Option<Pages> {
        let mut ended = true;
        for grant in self.grants.into_iter().flatten() {
            ended &= grants.take_back(grant).is_ok();
        }
        ended.then_some(self.pages)
    }
}

/// Machine frame of a PV guest's first grant table frame.
fn first_frame() -> Option<usize> {
    /// `struct gnttab_setup_table`.
    #[repr(C)]
    struct SetupTable {
        domid: u16,
        frames: u32,
        status: i16,
        list: *mut u64,
    }
    let mut frame = 0_u64;
    let mut argument = SetupTable { domid: DOMID_SELF, frames: 1, status: 0, list: &raw mut frame };
    let arguments = [SETUP_TABLE, (&raw mut argument).expose_provenance(), 1, 0];
    // SAFETY: GNTTABOP_setup_table takes an array of gnttab_setup_table, here of one, whose
    // list has room for the one frame asked for.
    let result = unsafe { hypercall::call(Number::GrantTableOp, arguments) };
    // SAFETY: written by Xen through the pointer in the argument, if at all.
    let frame = unsafe { (&raw const frame).read_volatile() };
    // SAFETY: as above.
    let status = unsafe { (&raw const argument.status).read_volatile() };
    (result == 0 && status == 0 && frame != 0).then_some(usize::try_from(frame).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(4096))]
    struct Backing([u8; PAGE_SIZE]);

    fn on(backing: &mut Backing) -> Grants {
        // SAFETY: any address does: the tests read no boot information of a PVH guest.
        let boot = unsafe { BootInfo::install(Flavour::Pvh, 8) };
        // SAFETY: the tests let nobody else touch the page while the value lives.
        let page = unsafe { SharedPage::new(backing.0.as_mut_ptr()) };
        Grants::over(boot, [Some(page), None, None, None], 1)
    }

    #[test]
    fn an_entry_is_as_xen_reads_it() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let mut grants = on(&mut backing);
        let page = core::ptr::without_provenance(0x1234_5000);
        assert_eq!(grants.give(3, page, Access::Read), Some(GrantRef(8)));
        assert_eq!(grants.give(0, page, Access::Write), Some(GrantRef(9)));
        assert_eq!(backing.0[64..72], [5, 0, 3, 0, 0x45, 0x23, 0x01, 0]);
        assert_eq!(backing.0[72..80], [1, 0, 0, 0, 0x45, 0x23, 0x01, 0]);
    }

    #[test]
    fn a_page_in_use_is_not_taken_back() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let mut grants = on(&mut backing);
        let grant = grants.give(0, core::ptr::null(), Access::Write).expect("room");
        grants.write(grant.0, 0, 0, PERMIT_ACCESS | 1 << 4);
        assert_eq!(grants.take_back(grant), Err(InUse));
        grants.write(grant.0, 0, 0, PERMIT_ACCESS);
        assert_eq!(grants.take_back(grant), Ok(()));
        assert_eq!(grants.give(0, core::ptr::null(), Access::Write), Some(grant));
    }

    #[test]
    fn the_table_has_an_end() {
        let mut backing = Backing([0; PAGE_SIZE]);
        let mut grants = on(&mut backing);
        let given = (0..).map_while(|_| grants.give(0, core::ptr::null(), Access::Write)).count();
        assert_eq!(given, 504);
    }
}
