//! Consoles of guests in XenStore mode, which xenconsoled serves: see [`crate::console::Terminal`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::{Guest, GuestError, xenstore};
use crate::console::{Sink, Terminal};
use crate::daemon::blocking;

/// How long what waits in a terminal may take to be read.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long xenconsoled may take to make a terminal of a new guest.
const MAKING: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Has what the guest prints come to its sink while somebody watches, where xenconsoled has its
/// console; nothing otherwise.
///
/// # Errors
/// [`GuestError::Terminal`] when `xl console` has it.
pub async fn show(guest: &Arc<Guest>, sink: Sink) -> Result<(), GuestError> {
    if !xenstore::is_foreign(guest.record.lock().control) {
        return Ok(());
    }
    let guest = Arc::clone(guest);
    blocking(move || begin(guest, sink)).await?
}

/// Has what waits in the guest's terminal come to its sink.
///
/// # Errors
/// As [`show`].
pub async fn drain(guest: &Arc<Guest>, sink: Sink) -> Result<(), GuestError> {
    show(guest, sink.clone()).await?;
    let end = Instant::now() + PATIENCE;
    let busy = || guest.copied.load(Ordering::Acquire) && sink.viewers() == 0;
    while busy() && Instant::now() < end {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn begin(guest: Arc<Guest>, sink: Sink) -> Result<(), GuestError> {
    if guest.copied.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    let begun = open(&guest).and_then(|terminal| {
        let copied = Arc::clone(&guest);
        let copy = move || copy(copied, sink, terminal);
        let thread = thread::Builder::new().name("terminal".to_owned()).spawn(copy);
        thread.map(drop).map_err(|_| GuestError::Broken)
    });
    if begun.is_err() {
        guest.copied.store(false, Ordering::Release);
    }
    begun
}

fn open(guest: &Guest) -> Result<Terminal, GuestError> {
    let life = &guest.life.record;
    let end = Instant::now() + MAKING;
    let path = loop {
        match xenstore::terminal(life)? {
            Some(path) => break path,
            None if Instant::now() < end => thread::sleep(PAUSE),
            None => {
                let why = "xenconsoled serves the guest's console, and does not run";
                return Err(GuestError::Unsupported(why.into()));
            }
        }
    };
    Ok(Terminal::open(&path, life.domid)?)
}

fn copy(guest: Arc<Guest>, sink: Sink, terminal: Terminal) {
    let over = terminal.serve(&sink);
    guest.copied.store(false, Ordering::Release);
    // Somebody who came in between found it still copied.
    if !over && sink.viewers() > 0 {
        let _ = begin(guest, sink);
    }
}
