//! Shells: built in advance, kept, handed out. What [`crate::pool`] decides is done here.
//!
//! ```text
//!            ask ──▶ Ticket: a shell, or none and the memory to build without
//!             │
//!   planner ──┴─ plan ──▶ build ──▶ stock
//!                   └───▶ discard
//! ```
//!
//! A shell is written down as a guest that is being built ([`crate::guests`]), so that nothing of it
//! outlives the daemon: the next one tears it down and builds its own.

mod ask;
mod build;
mod declared;
mod facts;
mod report;
mod stock;
mod work;

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

pub use ask::Ticket;
pub(crate) use ask::{ask, at_hand};
pub(crate) use declared::configure;
pub use declared::{add, remove};
pub use report::report;
pub use work::run;

use crate::daemon::Daemon;
use crate::pool::{Discard, Options, Planner};
pub(crate) use stock::{Fittings, Ready};
use stock::{Kept, Stock};

/// The pool of one daemon.
#[derive(Debug)]
pub struct Shells {
    state: Mutex<State>,
    /// Something happened that may change the plan.
    changed: Notify,
    /// Likewise, and what it was for goes first.
    served: Notify,
    began: Instant,
    options: Options,
}

#[derive(Debug)]
struct State {
    planner: Planner,
    stock: Stock,
}

impl Shells {
    /// An empty pool.
    #[must_use]
    pub fn new(options: Options) -> Shells {
        let seed = u64::from(std::process::id());
        let planner = Planner::new(options.settings(), seed);
        let state = Mutex::new(State { planner, stock: Stock::default() });
        let (changed, served) = (Notify::new(), Notify::new());
        Shells { state, changed, served, began: Instant::now(), options }
    }

    /// Since the daemon's start.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Has the plan made anew: a guest has gone, say, and its memory is back.
    pub fn look(&self) {
        self.changed.notify_one();
    }

    /// As [`Shells::look`], when a request has had its answer, and its guest a moment to start.
    fn look_soon(&self) {
        self.served.notify_one();
    }

    /// Bytes that guests to come can have of a host with `free` bytes that nobody has.
    pub(crate) fn available(&self, free: u64) -> u64 {
        let state = self.state.lock();
        let report = state.planner.report();
        let comes = (report.used_kib + report.on_its_way.from_guests) << 10;
        (free + comes).saturating_sub(report.on_its_way.promised << 10)
    }

    /// A guest ended: `kib` of the host's memory are on their way back.
    pub(crate) fn guest_ended(&self, kib: u64) {
        self.state.lock().planner.guest_ended(kib);
    }

    /// `kib` of ended guests are back.
    pub(crate) fn guests_returned(&self, kib: u64) {
        self.state.lock().planner.guests_returned(kib);
        self.look();
    }
}

/// Destroys every shell that waits, as the daemon ends. One that is being built goes when it is.
pub fn clear(daemon: &Daemon) {
    let shells = daemon.shells.state.lock().stock.take_all();
    destroy(daemon, shells, 0);
}

impl State {
    /// Takes what is to be destroyed off the shelves.
    fn take_away(&mut self, discards: &[Discard]) -> Vec<Kept> {
        let of = |discard: &Discard| (discard.flavour, discard.count);
        discards.iter().map(of).flat_map(|(id, count)| self.stock.oldest(id, count)).collect()
    }
}

/// Destroys shells, whose memory is `kib`. Blocks on Xen.
fn destroy(daemon: &Daemon, shells: Vec<Kept>, kib: u64) {
    for shell in shells {
        let uuid = shell.uuid();
        drop(shell);
        daemon.records.forget(uuid);
    }
    daemon.shells.state.lock().planner.shells_returned(kib);
    daemon.shells.look();
}
