//! Block devices: requests over buffers granted once and for all.

use crate::bitmap::Bitmap;
use crate::channel::Channel;
use crate::grant::{Access, Grants};
use crate::pages::Pages;
use crate::paging::PAGE_SIZE;
use crate::slot::Place;
use noxs::RawShared;
use noxs::block::{
    Abi64, Body, INDIRECT_PAGES, Request, SEGMENT_BYTES, SEGMENTS, Segment, operation, put_segment,
    status,
};
use noxs::device::{BlockConfig, Config};
use noxs::ring::Front;

/// Bytes of a sector, whatever the disk's own sectors are.
pub const SECTOR: usize = 512;
/// Sectors of a page.
const PER_PAGE: usize = PAGE_SIZE / SECTOR;
/// Pages of data a device has at most.
const MOST_PAGES: usize = 256;
/// Requests under way at most.
pub const MOST_REQUESTS: u32 = 32;
/// Segments a page of them holds.
const MOST_SEGMENTS: usize = PAGE_SIZE / SEGMENT_BYTES;

/// What to do with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the disk into the buffer.
    Read,
    /// From the buffer to the disk.
    Write,
}

/// A part of the buffer: sectors from the start of a page on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// First page.
    pub page: usize,
    /// Sectors.
    pub sectors: usize,
}

impl Part {
    fn pages(self) -> usize {
        self.sectors.div_ceil(PER_PAGE)
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done.
    Done,
    /// The disk does not do such things.
    NotSupported,
    /// It failed; the status says how.
    Failed(i16),
}

/// A request was not even asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// Too many are under way: take outcomes first.
    Full,
    /// The part is not within the buffer, or longer than a request may be.
    TooLong,
}

/// A block device in use.
pub struct Block {
    place: Place,
    ring: Front<RawShared, Abi64>,
    config: BlockConfig,
    pages: Pages,
    grants: [u32; MOST_PAGES],
    lists: Pages,
    list_grants: [u32; MOST_REQUESTS as usize],
    used: Bitmap<1>,
}

impl Block {
    /// Starts to use the first block device of the table, with `pages` as its buffer and
    /// `lists` for the segments of long requests, a page for each. `None` when there is no
    /// device, or no grants.
    #[must_use]
    pub fn open(channel: Channel, grants: &mut Grants, pages: Pages, lists: Pages) -> Option<Self> {
        let (place, config) = Place::find(channel, |config| match config {
            Config::Block(block) => Some(*block),
            _ => None,
        })?;
        let data = grant_all(&place, grants, &pages)?;
        let list_grants = grant_all(&place, grants, &lists)?;
        let ring = Front::attach(place.frames()?);
        place.take_into_use(0);
        let used = Bitmap::new();
        Some(Self { place, ring, config, pages, grants: data, lists, list_grants, used })
    }

    /// What the page says about the disk.
    #[must_use]
    pub fn config(&self) -> BlockConfig {
        self.config
    }

    /// Pages of the longest request.
    #[must_use]
    pub fn longest(&self) -> usize {
        let indirect = (self.config.max_indirect_segments as usize).min(MOST_SEGMENTS);
        let indirect = if self.lists.count() == 0 { 0 } else { indirect };
        indirect.clamp(SEGMENTS, MOST_PAGES).min(self.pages.count())
    }

    /// The bytes of `count` pages of the buffer.
    ///
    /// # Panics
    /// When there are not that many.
    ///
    /// # Safety
    /// No request under way may name these pages.
    #[must_use]
    pub unsafe fn bytes(&mut self, page: usize, count: usize) -> &mut [u8] {
        // SAFETY: without a request the host leaves the pages alone.
        unsafe { self.pages.bytes(page, count) }
    }

    /// Asks to move `part` from or to the disk at `sector`; returns the request's number. It
    /// leaves with the next [`flush_requests`](Self::flush_requests).
    ///
    /// # Errors
    /// When it cannot be asked; nothing has changed then.
    pub fn ask(&mut self, direction: Direction, sector: u64, part: Part) -> Result<u32, NotAsked> {
        let fits = part.page < self.pages.count()
            && part.pages() <= self.pages.count() - part.page
            && part.page + part.pages() <= MOST_PAGES;
        if !fits || part.pages() > self.longest() || part.sectors == 0 {
            return Err(NotAsked::TooLong);
        }
        let operation = match direction {
            Direction::Read => operation::READ,
            Direction::Write => operation::WRITE,
        };
        if part.pages() <= SEGMENTS {
            self.submit(sector, self.direct(operation, part))
        } else {
            self.indirect(operation, sector, part)
        }
    }

    /// Asks to make durable what was written.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ask_flush(&mut self) -> Result<u32, NotAsked> {
        let segments = [Segment::default(); SEGMENTS];
        let operation = operation::FLUSH_DISKCACHE;
        self.submit(0, Body::Direct { operation, count: 0, segments })
    }

    /// Asks to give back `count` sectors from `sector` on.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ask_discard(&mut self, sector: u64, count: u64) -> Result<u32, NotAsked> {
        self.submit(sector, Body::Discard { flag: 0, count })
    }

    fn direct(&self, operation: u8, part: Part) -> Body {
        let mut segments = [Segment::default(); SEGMENTS];
        for (index, segment) in segments.iter_mut().enumerate().take(part.pages()) {
            *segment = self.segment(part, index);
        }
        let count = u8::try_from(part.pages()).unwrap_or(u8::MAX);
        Body::Direct { operation, count, segments }
    }

    fn segment(&self, part: Part, index: usize) -> Segment {
        let rest = part.sectors - index * PER_PAGE;
        let last = u8::try_from(rest.min(PER_PAGE) - 1).unwrap_or(0);
        Segment { grant: self.grants[part.page + index], first: 0, last }
    }

    fn indirect(&mut self, operation: u8, sector: u64, part: Part) -> Result<u32, NotAsked> {
        let lists = u32::try_from(self.lists.count()).unwrap_or(0);
        // The number of the request is that of its list: both are free together.
        let number = self.used.take(lists.min(MOST_REQUESTS)).ok_or(NotAsked::Full)?;
        for index in 0..part.pages() {
            let mut entry = [0; SEGMENT_BYTES];
            put_segment(&mut entry, 0, &self.segment(part, index));
            // SAFETY: the request of this number has ended, so nobody reads its list.
            let list = unsafe { self.lists.bytes(number as usize, 1) };
            list[index * SEGMENT_BYTES..][..SEGMENT_BYTES].copy_from_slice(&entry);
        }
        let mut pages = [0; INDIRECT_PAGES];
        pages[0] = self.list_grants[number as usize];
        let count = u16::try_from(part.pages()).unwrap_or(u16::MAX);
        let body = Body::Indirect { operation, count, pages };
        self.put(number, sector, body);
        Ok(number)
    }

    fn submit(&mut self, sector: u64, body: Body) -> Result<u32, NotAsked> {
        let number = self.used.take(MOST_REQUESTS).ok_or(NotAsked::Full)?;
        self.put(number, sector, body);
        Ok(number)
    }

    fn put(&mut self, number: u32, sector: u64, body: Body) {
        // A ring has at least as many slots as there are numbers.
        self.ring.request(&Request { id: u64::from(number), sector, handle: 0, body });
    }

    /// Lets the host see what was asked, and tells it if it wants to know.
    pub fn flush_requests(&mut self) {
        if self.ring.push() {
            self.place.ring();
        }
    }

    /// The outcome of a request, if one has ended.
    pub fn outcome(&mut self) -> Option<(u32, Outcome)> {
        // A host that answers what was not asked is heard no more.
        let response = self.ring.next_response().ok()??;
        let number = u32::try_from(response.id).ok()?;
        self.used.free(number)?;
        let outcome = match response.status {
            status::OKAY => Outcome::Done,
            status::NOT_SUPPORTED => Outcome::NotSupported,
            other => Outcome::Failed(other),
        };
        Some((number, outcome))
    }

    /// Whether an outcome is there. If not, the host will tell of the next.
    pub fn has_outcome(&mut self) -> bool {
        self.ring.final_check().unwrap_or(false)
    }

    /// Whether the device is to be closed: it is being removed from the table.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        !self.place.is_present()
    }

    /// Uses the device no more. Buffers stay granted to the back end that had them.
    pub fn close(self) {
        self.place.give_up();
    }
}

/// Grants `pages` to the back end, to read and write; 0 stands where there is no page.
fn grant_all<const N: usize>(
    place: &Place,
    grants: &mut Grants,
    pages: &Pages,
) -> Option<[u32; N]> {
    let mut numbers = [0; N];
    for (index, number) in numbers.iter_mut().enumerate().take(pages.count()) {
        *number = grants.give(place.device.backend, pages.address(index), Access::Write)?.number();
    }
    Some(numbers)
}
