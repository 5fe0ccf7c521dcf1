//! How a disk comes to its ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::{BlockBackend, Window};
use crate::block::Disk;
use crate::block::buffer;
use crate::block::limit::{DiskRate, Limit};
use crate::block::request::Bounds;
use crate::block::ring::Ring;
use crate::block::stats::BlockStats;
use crate::kept::Kept;
use crate::shard::{Fault, Pages};

static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// How a guest lays its requests out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// As x86-64 does (`x86_64-abi`).
    X86_64,
    /// As x86-32 does (`x86_32-abi`).
    X86_32,
}

/// How a disk is served.
#[derive(Clone, Copy, Debug)]
pub struct BlockOptions {
    /// Bytes of the host's memory for data of requests at work; at least the largest request.
    pub memory: usize,
    /// What the guest may use.
    pub rate: DiskRate,
}

impl Default for BlockOptions {
    fn default() -> Self {
        BlockOptions { memory: 4 << 20, rate: DiskRate::default() }
    }
}

/// Pages of a guest that are kept mapped: what the requests of a ring of one page have, as Linux'
/// front end makes them, 32 of 32 pages and one of names.
const MOST_KEPT: usize = 32 * 33;

impl BlockBackend {
    /// Connects a disk to the ring in `ring`, a power of two of pages. Requests that an earlier
    /// back end did not answer are done again.
    ///
    /// # Errors
    /// [`Fault::Protocol`] for a ring of another size.
    pub fn attach(
        ring: Pages,
        abi: Abi,
        disk: Arc<Disk>,
        options: BlockOptions,
    ) -> Result<BlockBackend, Fault> {
        let bounds = Bounds::of(&disk);
        Ok(BlockBackend {
            ring: Ring::attach(ring, abi)?,
            connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            alone: false,
            bounds,
            window: Window::new(),
            held: None,
            completions: Vec::new(),
            ordered: None,
            changing: 0,
            // An earlier back end may have written.
            dirty: bounds.writable,
            memory: 0,
            most_memory: options.memory.max(buffer::LARGEST),
            limit: Limit::new(options.rate, Instant::now()),
            stats: BlockStats::default(),
            views: Vec::new(),
            kept: Kept::new(0),
            keeps: false,
            disk,
        })
    }

    /// The guest does not stop granting what it has granted (`feature-persistent` of
    /// `public/io/blkif.h`): its pages are kept mapped.
    #[must_use]
    pub fn with_grants_that_stay(self) -> BlockBackend {
        BlockBackend { kept: Kept::new(MOST_KEPT), keeps: true, ..self }
    }
}
