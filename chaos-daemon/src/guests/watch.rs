//! Learning that guests have ended.
//!
//! Xen tells one program of a host (`VIRQ_DOM_EXC`). Where another has that, such as
//! xenstored, Xen is asked now and then.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lightvm::domain::Watch;
use lightvm::xen::{DomId, DomainInfo, DomainState, XenError};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tracing::{error, info};

use super::Guest;
use super::end::settle;
use crate::daemon::Daemon;

/// How often Xen is asked where it does not tell.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Looks take one part of so many of the control thread's time at most.
const LOOKS_SHARE: u32 = 10;
/// The shortest rest between two looks: every domain that is destroyed makes Xen tell, twice.
const REST: Duration = Duration::from_millis(5);

/// Has the daemon look for ended guests now.
#[derive(Debug, Default)]
pub struct Ends {
    wanted: Notify,
    looks: AtomicU64,
}

impl Ends {
    /// Looks soon.
    pub fn look(&self) {
        self.wanted.notify_one();
    }

    /// How many looks have begun. Whoever adds a guest that runs already asks for one more if one
    /// began since before it ran: that may have missed it.
    pub(super) fn looks(&self) -> u64 {
        self.looks.load(Ordering::SeqCst)
    }
}

/// A watch as tokio waits for it.
struct Told(Watch);

impl AsFd for Told {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Told {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Waits for guests' ends, for ever, and does what their configurations say.
///
/// # Errors
/// When the watch cannot be waited for.
pub async fn watch_ends(daemon: Arc<Daemon>, watch: Watch) -> io::Result<()> {
    let told = watch.is_notified();
    if !told {
        info!("another program has VIRQ_DOM_EXC: asking Xen for guests' ends every {ASK_EVERY:?}");
    }
    if !told {
        super::xenstore::hear_of_ends(&daemon);
    }
    // SAFETY: `Told` owns the watch's descriptor, open as long as it lives, and always
    // answers the same one.
    let watch = unsafe { AsyncFd::register(Told(watch)) }?;
    loop {
        tokio::select! {
            ready = watch.readable() => {
                watch.get_ref().0.acknowledge()?;
                ready?.clear_ready();
            }
            () = daemon.ends.wanted.notified() => {}
            () = tokio::time::sleep(ASK_EVERY), if !told => {}
        }
        let began = Instant::now();
        if let Err(e) = look(&daemon).await {
            error!("cannot list the domains: {e}");
        }
        // A busy host is not looked at all the time.
        tokio::time::sleep((began.elapsed() * LOOKS_SHARE).clamp(REST, ASK_EVERY)).await;
    }
}

/// Looks after every guest whose domain has stopped or is gone: as many of them at a time as Xen
/// describes with one call, and requests come in between.
async fn look(daemon: &Arc<Daemon>) -> Result<(), XenError> {
    daemon.ends.looks.fetch_add(1, Ordering::SeqCst);
    let guests = daemon.guests.all();
    let mut left = &guests[..];
    while let Some(first) = left.first() {
        let known = daemon.xen.domains_from(number(first))?;
        // Those behind the last of them come with the next call.
        let is_told = |guest: &Arc<Guest>| known.reaches(number(guest));
        let (told, rest) = left.split_at(left.partition_point(is_told));
        for guest in told.iter().filter(|guest| is_unsettled(guest, &known.domains)) {
            tokio::spawn(settle(Arc::clone(daemon), Arc::clone(guest)));
        }
        left = rest;
        yield_now().await;
    }
    Ok(())
}

fn number(guest: &Arc<Guest>) -> DomId {
    guest.life.record.domid
}

/// Whether a guest's end is known to nobody. The domains are ascending.
fn is_unsettled(guest: &Arc<Guest>, domains: &[DomainInfo]) -> bool {
    let stopped = |state| matches!(state, DomainState::Shutdown(_) | DomainState::Dying);
    let found = domains.binary_search_by_key(&number(guest), |domain| domain.domid).ok();
    let lives = |at: usize| domains[at].uuid == guest.uuid && !stopped(domains[at].state);
    !found.is_some_and(lives) && guest.ended.borrow().is_none()
}
