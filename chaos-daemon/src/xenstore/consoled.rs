//! xenconsoled, which writes where a guest's terminal is as soon as it hears of the guest.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use lightvm::xen::DomId;

use super::entries::path;
use super::error::StoreError;
use super::store::Store;

/// How long it may take; it takes a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(5);

/// Waits until xenconsoled has written what it writes of a guest that is about to be taken out
/// of the store. An entry that it made afterwards would stay for ever.
pub(super) fn await_terminal(store: &Store, domain: DomId) -> Result<(), StoreError> {
    let console = format!("{}/{}", path::home(domain), path::CONSOLE);
    let written = |name| Ok::<_, StoreError>(store.read(&format!("{console}/{name}"))?.is_some());
    if !written("ring-ref")? || written("tty")? || !runs() {
        return Ok(());
    }
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && !written("tty")? {
        thread::sleep(STEP);
    }
    Ok(())
}

/// Whether xenconsoled runs on this host.
fn runs() -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes
        .flatten()
        .filter_map(|process| fs::read_to_string(process.path().join("comm")).ok())
        .any(|name| name.trim_end() == "xenconsoled")
}
