//! Block devices: requests over buffers granted for as long as the device is used.

use crate::bitmap::Bitmap;
use crate::channel::Channel;
use crate::grant::{Access, Granted, Grants};
use crate::pages::Pages;
use crate::paging::PAGE_SIZE;
use crate::slot::{Place, Standing};
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

/// Pages for a device.
pub struct Buffers {
    /// For data.
    pub data: Pages,
    /// For the segments of long requests, a page for each.
    pub lists: Pages,
}

/// A block device in use.
pub struct Block {
    place: Place,
    ring: Front<RawShared, Abi64>,
    config: BlockConfig,
    data: Granted<MOST_PAGES>,
    lists: Granted<{ MOST_REQUESTS as usize }>,
    used: Bitmap<1>,
}

impl Block {
    /// Starts to use the first block device of the table that is not in use. `None` when there
    /// is none, and then `buffers` stay, or when nothing can be granted.
    #[must_use]
    pub fn open(
        channel: Channel,
        grants: &mut Grants,
        buffers: &mut Option<Buffers>,
    ) -> Option<Self> {
        let (place, config) = Place::find(channel, |config| match config {
            Config::Block(block) => Some(*block),
            _ => None,
        })?;
        let Buffers { data, lists } = buffers.take()?;
        let peer = place.device.backend;
        let data = Granted::new(grants, peer, data, Access::Write)?;
        let lists = Granted::new(grants, peer, lists, Access::Write)?;
        let ring = Front::attach(place.frames()?);
        place.take_into_use(0);
        Some(Self { place, ring, config, data, lists, used: Bitmap::new() })
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
        indirect.clamp(SEGMENTS, MOST_PAGES).min(self.pages())
    }

    /// Pages of data that requests can name.
    fn pages(&self) -> usize {
        self.data.count() as usize
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
        unsafe { self.data.bytes(page, count) }
    }

    /// Asks to move `part` from or to the disk at `sector`; returns the request's number. It
    /// leaves with the next [`flush_requests`](Self::flush_requests).
    ///
    /// # Errors
    /// When it cannot be asked; nothing has changed then.
    pub fn ask(&mut self, direction: Direction, sector: u64, part: Part) -> Result<u32, NotAsked> {
        let fits = part.page < self.pages() && part.pages() <= self.pages() - part.page;
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
        Segment { grant: self.data.number(part.page + index), first: 0, last }
    }

    fn indirect(&mut self, operation: u8, sector: u64, part: Part) -> Result<u32, NotAsked> {
        // The number of the request is that of its list: both are free together.
        let number = self.used.take(self.lists.count()).ok_or(NotAsked::Full)?;
        for index in 0..part.pages() {
            let mut entry = [0; SEGMENT_BYTES];
            put_segment(&mut entry, 0, &self.segment(part, index));
            // SAFETY: the request of this number has ended, so nobody reads its list.
            let list = unsafe { self.lists.bytes(number as usize, 1) };
            list[index * SEGMENT_BYTES..][..SEGMENT_BYTES].copy_from_slice(&entry);
        }
        let mut pages = [0; INDIRECT_PAGES];
        pages[0] = self.lists.number(number as usize);
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

    /// How the device stands: one that is not served any more is to be closed.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.place.standing()
    }

    /// Uses the device no more. What is under way may or may not be done.
    #[must_use]
    pub fn close(self) -> Closing {
        self.place.give_up();
        Closing { place: self.place, data: self.data, lists: self.lists }
    }
}

/// A block device that the host has not let go of yet.
pub struct Closing {
    place: Place,
    data: Granted<MOST_PAGES>,
    lists: Granted<{ MOST_REQUESTS as usize }>,
}

impl Closing {
    /// The buffers of the device, once the host has let go of it. `None`: the host has let go
    /// of it, but not of them.
    ///
    /// # Errors
    /// Itself, while the host has not.
    #[expect(clippy::result_large_err, reason = "moved once, there is no heap")]
    pub fn end(self, grants: &mut Grants) -> Result<Option<Buffers>, Self> {
        if self.place.standing() != Standing::Gone {
            return Err(self);
        }
        let pages = self.data.end(grants).zip(self.lists.end(grants));
        Ok(pages.map(|(data, lists)| Buffers { data, lists }))
    }
}
