//! Keys of requests that may come twice.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A client's keys: its own random number, and one that counts.
#[derive(Debug)]
pub(super) struct Keys {
    client: Uuid,
    next: AtomicU64,
}

impl Keys {
    pub(super) fn new() -> Keys {
        Keys { client: Uuid::new_v4(), next: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> String {
        format!("{}-{}", self.client.simple(), self.next.fetch_add(1, Ordering::Relaxed))
    }
}
