//! The disk, with requests that are waited for.

use crate::{Failure, Voice};
use xen_rt::block::{Block, Closing, Direction, NotAsked, Outcome, Part};
use xen_rt::noxs::device::{BLOCK_DISCARD, BLOCK_FLUSH, BLOCK_READ_ONLY, BlockConfig};
use xen_rt::{Channel, Clock, Standing};

/// Sectors of a page.
pub(crate) const PER_PAGE: usize = 8;

pub(crate) struct Disk {
    block: Block,
    channel: Channel,
    pub(crate) clock: Clock,
    under_way: u32,
}

impl Disk {
    pub(crate) fn new(block: Block, channel: Channel) -> Self {
        Self { block, channel, clock: Clock::new(channel.boot()), under_way: 0 }
    }

    pub(crate) fn config(&self) -> BlockConfig {
        self.block.config()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.config().info & BLOCK_READ_ONLY != 0
    }

    pub(crate) fn can_flush(&self) -> bool {
        self.config().info & BLOCK_FLUSH != 0
    }

    pub(crate) fn can_discard(&self) -> bool {
        self.config().info & BLOCK_DISCARD != 0
    }

    /// Pages of the longest request.
    pub(crate) fn longest(&self) -> usize {
        self.block.longest()
    }

    /// Requests under way.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way
    }

    /// The buffer's bytes. Nothing may be under way that names these pages, which holds for
    /// every caller: pages are used again only after the outcome.
    pub(crate) fn bytes(&mut self, page: usize, count: usize) -> &mut [u8] {
        // SAFETY: see above.
        unsafe { self.block.bytes(page, count) }
    }

    /// Asks; `false` when too much is under way.
    pub(crate) fn ask(
        &mut self,
        voice: &mut Voice,
        direction: Direction,
        sector: u64,
        part: Part,
    ) -> Result<Option<u32>, Failure> {
        self.asked(voice, |block| block.ask(direction, sector, part))
    }

    fn asked(
        &mut self,
        voice: &mut Voice,
        ask: impl FnOnce(&mut Block) -> Result<u32, NotAsked>,
    ) -> Result<Option<u32>, Failure> {
        match ask(&mut self.block) {
            Ok(number) => {
                self.under_way += 1;
                Ok(Some(number))
            }
            Err(NotAsked::Full) => Ok(None),
            Err(NotAsked::TooLong) => Err(voice.complain(format_args!("a request was too long"))),
        }
    }

    /// Lets the host see what was asked.
    pub(crate) fn send(&mut self) {
        self.block.flush_requests();
    }

    /// Waits for the next outcome, which has to be a good one; the request's number.
    pub(crate) fn wait(&mut self, voice: &mut Voice) -> Result<u32, Failure> {
        self.send();
        loop {
            match self.block.outcome() {
                Some((number, Outcome::Done)) => {
                    self.under_way -= 1;
                    return Ok(number);
                }
                Some((number, outcome)) => {
                    self.under_way -= 1;
                    return Err(voice.complain(format_args!("request {number}: {outcome:?}")));
                }
                None => {
                    voice.check_requests()?;
                    let block = &mut self.block;
                    self.channel.sleep(None, || block.has_outcome());
                }
            }
        }
    }

    /// Waits for all that is under way.
    pub(crate) fn wait_all(&mut self, voice: &mut Voice) -> Result<(), Failure> {
        while self.under_way > 0 {
            self.wait(voice)?;
        }
        Ok(())
    }

    /// Moves a part, asking for as much at a time as the disk takes.
    pub(crate) fn transfer(
        &mut self,
        voice: &mut Voice,
        direction: Direction,
        sector: u64,
        part: Part,
    ) -> Result<(), Failure> {
        let most = self.longest() * PER_PAGE;
        let mut done = 0;
        while done < part.sectors {
            let sectors = (part.sectors - done).min(most);
            let piece = Part { page: part.page + done / PER_PAGE, sectors };
            match self.ask(voice, direction, sector + done as u64, piece)? {
                Some(_) => done += sectors,
                None => drop(self.wait(voice)?),
            }
        }
        self.wait_all(voice)
    }

    /// Makes durable what was written, where the disk can.
    pub(crate) fn flush(&mut self, voice: &mut Voice) -> Result<(), Failure> {
        if self.can_flush() {
            self.asked(voice, Block::ask_flush)?;
        }
        self.wait_all(voice)
    }

    /// Gives sectors back.
    pub(crate) fn discard(
        &mut self,
        voice: &mut Voice,
        sector: u64,
        count: u64,
    ) -> Result<(), Failure> {
        self.asked(voice, |block| block.ask_discard(sector, count))?;
        self.wait_all(voice)
    }

    /// Whether the disk is there to be used.
    pub(crate) fn is_served(&self) -> bool {
        self.block.standing() == Standing::Served
    }

    /// Uses the disk no more.
    pub(crate) fn close(self) -> Closing {
        self.block.close()
    }
}
