//! What an operator may say about the pool.

use std::time::Duration;

/// How many shells of a flavour there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    low: u32,
    high: u32,
}

impl Watermarks {
    /// At least `low` whether anybody asks or not, as far as the budget goes, and never more than
    /// `high`. A `low` above `high` is cut.
    #[must_use]
    pub const fn new(low: u32, high: u32) -> Self {
        Watermarks { low: if low < high { low } else { high }, high }
    }

    /// As many as there are without demand.
    #[must_use]
    pub const fn low(self) -> u32 {
        self.low
    }

    /// The most there are at the height of demand.
    #[must_use]
    pub const fn high(self) -> u32 {
        self.high
    }
}

/// How the pool behaves. Durations of zero are allowed and mean "at once".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// KiB of the host's memory for all shells: those there are, those being built and those
    /// whose memory is on its way back.
    pub budget_kib: u64,
    /// KiB of the host's free memory that shells are not built from.
    pub keep_free_kib: u64,
    /// Shells built at once; at least 1.
    pub builds: u32,
    /// Shells begin to be built although requests are being served when they never ceased to be
    /// for this long; then one at a time.
    pub patience: Duration,
    /// How long a burst is remembered.
    pub memory: Duration,
    /// How long shells nobody needs any more are kept.
    pub linger: Duration,
    /// Wait after a flavour's first failed shell; doubles with each that follows.
    pub retry_first: Duration,
    /// The longest wait after failures.
    pub retry_most: Duration,
    /// What is learned of its own accord.
    pub learn: Learn,
}

/// How flavours are learned from requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learn {
    /// The most flavours learned; 0: none are.
    pub flavours: u32,
    /// Requests of a kind after which it becomes a flavour; at least 1.
    pub after: u32,
    /// The most shells of each.
    pub high: u32,
    /// How long nobody asks before it is forgotten. A flavour is never forgotten while a
    /// burst of it is remembered ([`Settings::memory`]).
    pub forget: Duration,
}

impl Default for Settings {
    /// 256 MiB of shells, one built at a time.
    fn default() -> Self {
        Settings {
            budget_kib: 256 << 10,
            keep_free_kib: 64 << 10,
            builds: 1,
            patience: Duration::from_millis(20),
            memory: Duration::from_secs(600),
            linger: Duration::from_secs(10),
            retry_first: Duration::from_millis(100),
            retry_most: Duration::from_secs(60),
            learn: Learn::default(),
        }
    }
}

impl Default for Learn {
    /// 16 flavours, each after two requests.
    fn default() -> Self {
        Learn { flavours: 16, after: 2, high: 64, forget: Duration::from_secs(1800) }
    }
}
