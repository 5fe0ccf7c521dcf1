//! The memory that is on its way.

/// KiB that are neither free nor in use by a guest that has them already.
///
/// Memory of a domain that was destroyed comes back in its own time. Until then it is counted here,
/// so that nobody gives way for memory that comes anyway, and that the budget holds for what is
/// really taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnItsWay {
    /// Of guests that ended.
    pub from_guests: u64,
    /// Of shells that were discarded, were found broken, or failed.
    pub from_shells: u64,
    /// Promised to guests that are being built.
    pub promised: u64,
}

/// The host does not have the memory, with or without the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{missing_kib} KiB of memory are missing, all shells and all that is on its way counted")]
pub struct Short {
    /// How much is missing.
    pub missing_kib: u64,
}

impl OnItsWay {
    /// All that comes back.
    #[must_use]
    pub const fn coming(&self) -> u64 {
        self.from_guests.saturating_add(self.from_shells)
    }
}
