//! xenconsoled, which writes where a guest's terminal is as soon as it hears of the guest.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use lightvm::xen::{DomId, Xen};
use nix::errno::Errno;

use super::entries::path;
use super::error::StoreError;
use super::store::Store;

/// How long it may take; it takes a few milliseconds on an idle host.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(2);

/// Waits until xenconsoled has written what it writes of a guest that is about to be taken out
/// of the store, or never will. An entry that it made afterwards would stay for ever. It maps
/// the guest's ring first and keeps it, so a domain that Xen has no more is not written about.
pub(super) fn await_terminal(xen: &Xen, store: &Store, domain: DomId) -> Result<(), StoreError> {
    let console = format!("{}/{}", path::home(domain), path::CONSOLE);
    let written = |name| Ok::<_, StoreError>(store.read(&format!("{console}/{name}"))?.is_some());
    let end = Instant::now() + PATIENCE;
    while !is_gone(xen, domain) && Instant::now() < end {
        if !written("ring-ref")? || written("tty")? || !runs() {
            break;
        }
        thread::sleep(STEP);
    }
    Ok(())
}

/// Whether Xen has no trace left of a domain.
fn is_gone(xen: &Xen, domain: DomId) -> bool {
    matches!(xen.domain_info(domain), Err(e) if e.errno() == Some(Errno::ESRCH))
}

/// Whether xenconsoled runs on this host.
fn runs() -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes
        .flatten()
        .filter_map(|process| fs::read_to_string(process.path().join("comm")).ok())
        .any(|name| name.trim_end() == "xenconsoled")
}
