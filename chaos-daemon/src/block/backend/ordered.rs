//! Flushes and barriers, step by step.
//!
//! Writes that were asked before are done first; then they are made durable. With data, that
//! is written next and, for a barrier, made durable as well.

use noxs::block::status;

use crate::block::buffer::Buffer;
use crate::block::engine::Work;

/// The flush or barrier at work; a disk has one at a time.
#[derive(Debug)]
pub(super) struct Ordered {
    /// Its number in the window.
    pub(super) number: u32,
    stage: Stage,
    /// What comes after the flush, where that is data.
    then: Then,
    /// Whether data is made durable, too.
    barrier: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for the writes that were asked before.
    Drain,
    /// Makes them durable.
    Sync,
    /// Writes its data.
    Write,
    /// Makes that durable.
    SyncData,
}

#[derive(Debug)]
enum Then {
    Nothing,
    Data(Option<(u64, Buffer)>),
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    Do(Work),
    /// Nothing: this is the answer.
    Over(i16),
}

impl Ordered {
    pub(super) fn flush(number: u32) -> Ordered {
        Ordered { number, stage: Stage::Drain, then: Then::Nothing, barrier: false }
    }

    /// Its data follows with [`Ordered::has_data`].
    pub(super) fn with_data(number: u32, barrier: bool) -> Ordered {
        Ordered { number, stage: Stage::Drain, then: Then::Data(None), barrier }
    }

    pub(super) fn has_data(&mut self, offset: u64, buffer: Buffer) {
        self.then = Then::Data(Some((offset, buffer)));
    }

    /// Waits for writes that were asked before.
    pub(super) fn is_draining(&self) -> bool {
        self.stage == Stage::Drain
    }

    /// Whether requests that were asked later have to wait. A flush is only about writes that
    /// are done when it begins.
    pub(super) fn holds_others(&self) -> bool {
        self.is_draining() || matches!(self.then, Then::Data(_))
    }

    /// The present step is done.
    pub(super) fn next(&mut self, dirty: &mut bool) -> Next {
        match self.stage {
            Stage::Drain => {
                self.stage = Stage::Sync;
                self.sync(dirty)
            }
            Stage::Sync => match &mut self.then {
                Then::Data(data) if data.is_some() => {
                    self.stage = Stage::Write;
                    *dirty = true;
                    let (offset, buffer) = data.take().expect("there is data");
                    Next::Do(Work::Write { offset, buffer })
                }
                _ => Next::Over(status::OKAY),
            },
            Stage::Write if self.barrier => {
                self.stage = Stage::SyncData;
                self.sync(dirty)
            }
            Stage::Write | Stage::SyncData => Next::Over(status::OKAY),
        }
    }

    /// Where nothing was written since the last time, there is nothing to be made durable.
    fn sync(&mut self, dirty: &mut bool) -> Next {
        if std::mem::replace(dirty, false) { Next::Do(Work::Sync) } else { self.next(dirty) }
    }
}
