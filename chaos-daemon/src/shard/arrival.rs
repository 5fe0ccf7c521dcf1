//! What a shard has to know of a guest to serve it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lightvm::api::Report;
use lightvm::xen::DomId;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Left, Line, Wire};
use crate::block::{BlockOptions, Disk};
use crate::console::Sink;
use crate::log::Book;
use crate::net::NetConfig;

/// A guest that comes to a shard: before its first instruction, or after a restart of
/// the daemon.
pub struct Arrival {
    /// Its identity.
    pub uuid: Uuid,
    /// Its domain.
    pub domain: DomId,
    /// How it and the host talk.
    pub line: Line,
    /// The first port of the line, where it is bound already.
    pub wire: Option<Wire>,
    /// Its devices, by their place in its device table.
    pub devices: Vec<Plug>,
    /// What an earlier daemon had begun to publish in its rings.
    pub left: Vec<Left>,
    /// Whether it may have run.
    pub started: Started,
    /// Where its log records go.
    pub book: Book,
    /// Where what it says about itself is told.
    pub status: watch::Sender<Status>,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

/// Whether a guest may have run. Whoever starts it tells before it does, so while nobody has, no
/// event can be the guest's.
#[derive(Clone, Debug, Default)]
pub struct Started(Arc<AtomicBool>);

impl Started {
    /// For a guest that runs already.
    pub fn already() -> Started {
        Started(Arc::new(AtomicBool::new(true)))
    }

    /// The guest is about to be started.
    pub fn tell(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_told(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A device in its place.
#[derive(Debug)]
pub struct Plug {
    /// Its place in the guest's device table.
    pub slot: u8,
    /// Which of its kind it is.
    pub index: u8,
    /// What it is.
    pub spec: DeviceSpec,
    /// The first frame of its rings, as the guest counts.
    pub first_frame: u64,
    /// Frames of its rings, as dom0 maps them; none where the guest brings its own.
    pub rings: Vec<u64>,
    /// What a guest with a XenStore of its own finds there.
    pub offer: Option<crate::facade::Device>,
}

/// What a device is behind its ring.
#[derive(Clone, Debug)]
pub enum DeviceSpec {
    /// A console, and where its output goes.
    Console(Sink),
    /// A network interface.
    Net(Box<NetConfig>),
    /// A disk.
    Block {
        /// What is on it.
        disk: Arc<Disk>,
        /// How it is served.
        options: BlockOptions,
    },
}

/// What a guest says about itself, and what its devices do. The last one counts: a guest
/// that changes its mind a thousand times fills no queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// How far it says it is.
    pub report: Report,
    /// The number that came with it.
    pub code: u32,
    /// Addresses it reports.
    pub addresses: Vec<std::net::IpAddr>,
    /// The last request it acknowledged, and its answer.
    pub acknowledged: (u32, u32),
    /// Whether it has raised any event.
    pub alive: bool,
    /// Devices that are connected, a bit for each place in its table.
    pub connected: u32,
    /// Devices that were disconnected by the daemon, and why.
    pub faults: Vec<(u8, super::Fault)>,
    /// Why its store's connection was ended.
    pub store_fault: Option<String>,
}
