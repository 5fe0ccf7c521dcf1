//! The domains of guests that are no more: destroyed in the background, a few at a time.
//!
//! A guest that is asked to go is stopped, and nobody's list has it any more, before its memory is
//! given back, which takes Xen longer than all else. Whoever needs the memory knows from the pool's
//! book-keeping that it is on its way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lightvm::xen::{DomId, Xen};
use nix::errno::Errno;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::warn;
use uuid::Uuid;

use crate::daemon::Daemon;
use crate::shells::Shells;

/// Domains destroyed before requests get their turn.
const BATCH: usize = 2;
/// How long a domain that cannot be destroyed is left alone.
const AGAIN: Duration = Duration::from_millis(500);

/// A domain that is to be destroyed.
#[derive(Debug)]
struct Dead {
    uuid: Uuid,
    domid: DomId,
    /// KiB that come back with it.
    kib: u64,
    gone: watch::Sender<bool>,
}

/// Tells when a guest's memory is back.
#[derive(Debug)]
pub struct Returned(Option<watch::Receiver<bool>>);

impl Returned {
    /// It is back.
    pub(super) fn already() -> Returned {
        Returned(None)
    }

    /// Waits for it.
    pub async fn wait(self) {
        if let Some(mut gone) = self.0 {
            // Without the sender it is as gone as this daemon can tell.
            let _ = gone.wait_for(|&gone| gone).await;
        }
    }
}

/// Destroys what guests leave.
#[derive(Debug, Default)]
pub struct Reaper {
    dead: Mutex<VecDeque<Dead>>,
    work: Notify,
}

impl Reaper {
    /// Takes the domain of a guest that is in no list any more.
    pub(super) fn take(&self, shells: &Shells, uuid: Uuid, domid: DomId, kib: u64) -> Returned {
        let (gone, told) = watch::channel(false);
        shells.guest_ended(kib);
        self.dead.lock().push_back(Dead { uuid, domid, kib, gone });
        self.work.notify_one();
        Returned(Some(told))
    }

    /// Waits until no domain of a guest that has ended has this UUID.
    pub(super) async fn wait_for(&self, uuid: Uuid) {
        let of = |dead: &Dead| (dead.uuid == uuid).then(|| dead.gone.subscribe());
        let gone = self.dead.lock().iter().find_map(of);
        Returned(gone).wait().await;
    }

    /// The domains whose turn it is; they stay where they are.
    fn next(&self) -> Vec<(Uuid, DomId)> {
        self.dead.lock().iter().take(BATCH).map(|dead| (dead.uuid, dead.domid)).collect()
    }

    /// Takes out those of the first ones that are gone; the others go to the end. Answers the KiB
    /// that came back.
    fn settle(&self, gone: &[bool]) -> u64 {
        let mut dead = self.dead.lock();
        let mut kib = 0;
        for &is_gone in gone {
            match dead.pop_front() {
                Some(one) if is_gone => {
                    kib += one.kib;
                    one.gone.send_replace(true);
                }
                Some(one) => dead.push_back(one),
                None => {}
            }
        }
        kib
    }
}

/// Destroys what guests leave, until the daemon ends.
pub async fn reap(daemon: Arc<Daemon>) {
    loop {
        let batch = daemon.reaper.next();
        if batch.is_empty() {
            daemon.reaper.work.notified().await;
            continue;
        }
        let site = Arc::clone(&daemon);
        let gone = daemon.background.run(move || destroy(&site, &batch)).await.unwrap_or_default();
        let all = gone.iter().all(|&gone| gone);
        daemon.shells.guests_returned(daemon.reaper.settle(&gone));
        if !all || gone.is_empty() {
            sleep(AGAIN).await;
        }
    }
}

/// Destroys what is left, as the daemon ends; what cannot be destroyed is the next daemon's. Blocks on
/// Xen.
pub fn reap_all(daemon: &Daemon) {
    let left: Vec<_> = daemon.reaper.dead.lock().drain(..).collect();
    for dead in left {
        destroy(daemon, &[(dead.uuid, dead.domid)]);
    }
}

/// Destroys domains; answers which are gone. Blocks on Xen.
fn destroy(daemon: &Daemon, batch: &[(Uuid, DomId)]) -> Vec<bool> {
    let destroy = |&(uuid, domid): &(Uuid, DomId)| {
        let gone = destroy_one(&daemon.xen, uuid, domid);
        if gone {
            daemon.records.forget(uuid);
        }
        gone
    };
    batch.iter().map(destroy).collect()
}

fn destroy_one(xen: &Xen, uuid: Uuid, domid: DomId) -> bool {
    // Numbers come round again.
    let is_it = xen.domain_info(domid).map(|info| info.uuid == uuid);
    let done = match is_it {
        Ok(true) => xen.destroy_domain(domid),
        Ok(false) => Ok(()),
        Err(e) => Err(e),
    };
    match done {
        Ok(()) => true,
        Err(e) if e.errno() == Some(Errno::ESRCH) => true,
        Err(e) => {
            warn!(%domid, "the domain of a guest that has ended stays for now: {e}");
            false
        }
    }
}
