//! Events of guests.

use std::sync::Arc;

use lightvm::api::{EventGuest, Happened, Report};

use crate::daemon::Daemon;
use crate::guests::Guest;

/// The guest of an event.
#[must_use]
pub fn of(daemon: &Daemon, guest: &Guest) -> EventGuest {
    let (registry, made_as) = (daemon.lifecycle.registry(), &guest.life.record.name);
    if registry.is_named(made_as, guest.uuid) {
        return made(guest);
    }
    // It was renamed since it was made.
    let now = registry.record(guest.uuid);
    EventGuest {
        name: now.map_or_else(|| guest.life.record.name.clone(), |now| now.name),
        ..made(guest)
    }
}

/// As it was made: without a look at what became of its name.
#[must_use]
pub fn made(guest: &Guest) -> EventGuest {
    let record = &guest.life.record;
    EventGuest { name: record.name.clone(), uuid: record.uuid, domid: record.domid.0 }
}

/// Tells what a guest says about itself, as long as it is served.
pub fn watch_reports(daemon: &Arc<Daemon>, guest: &Guest) {
    let (events, mut status, guest) =
        (Arc::clone(&daemon.events), guest.status.clone(), made(guest));
    tokio::spawn(async move {
        let mut told = Report::Booting;
        loop {
            let report = status.borrow_and_update().report;
            if report != told {
                told = report;
                events.tell(Happened::GuestReported { guest: guest.clone(), report });
            }
            // Its shard serves it no longer.
            if status.changed().await.is_err() {
                return;
            }
        }
    });
}
