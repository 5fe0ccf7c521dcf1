//! Writes and discards at work on a disk. A front end that connects again must not have
//! its writes overtaken by late ones of its former connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Disk;

/// How many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes(Arc<AtomicUsize>);

impl Changes {
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Change(Changes);

impl Change {
    pub(crate) fn begin(disk: &Disk) -> Change {
        disk.changes.0.fetch_add(1, Ordering::Relaxed);
        Change(disk.changes.clone())
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}
