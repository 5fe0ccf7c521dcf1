//! What an administrator says about the pool.

use std::num::NonZeroU32;
use std::time::Duration;

use lightvm::api::FlavourSpec;
use lightvm::config::{GuestConfig, MemSize};
use serde::{Deserialize, Serialize};

use super::flavour::Flavour;
use super::request::{Facts, split};
use super::settings::{Learn, Settings, Watermarks};

/// The part `[pool]` of the daemon's configuration. Names that end in `_ms` are milliseconds, in
/// `_s` seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether there is a pool.
    pub enabled: bool,
    /// Memory for all shells.
    pub budget: MemSize,
    /// Free memory of the host that shells are not built from.
    pub keep_free: MemSize,
    /// Shells built at once.
    pub builds: NonZeroU32,
    /// How long shells wait for requests that never cease.
    pub patience_ms: u64,
    /// How long a burst is remembered.
    pub remember_s: u64,
    /// How long shells nobody needs any more are kept.
    pub linger_s: u64,
    /// Wait after a flavour's first failed shell; doubles with each that follows.
    pub retry_first_ms: u64,
    /// The longest wait after failures.
    pub retry_most_s: u64,
    /// What is learned from requests.
    pub learn: LearnOptions,
    /// Flavours that are there whether anybody asks or not.
    pub flavour: Vec<FlavourOptions>,
}

/// The part `[pool.learn]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnOptions {
    /// The most flavours learned; 0: none are.
    pub flavours: u32,
    /// Requests of a kind after which it becomes a flavour.
    pub after: NonZeroU32,
    /// The most shells of each.
    pub high: u32,
    /// How long nobody asks before it is forgotten.
    pub forget_s: u64,
}

/// A part `[[pool.flavour]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlavourOptions {
    /// Shells there are without demand.
    pub low: u32,
    /// The most shells there are.
    pub high: u32,
    /// Whether the image is loaded in advance; otherwise the shells are for any image.
    #[serde(default = "yes")]
    pub loaded: bool,
    /// A guest that the shells are for. Its name, its addresses and its disks' files do not
    /// matter, the number of its interfaces and disks does.
    pub guest: GuestConfig,
}

const fn yes() -> bool {
    true
}

impl Default for Options {
    fn default() -> Self {
        let mib = |mib| MemSize::from_mib(mib).unwrap_or(MemSize::MAX);
        Options {
            enabled: true,
            budget: mib(256),
            keep_free: mib(64),
            builds: NonZeroU32::MIN,
            patience_ms: 20,
            remember_s: 600,
            linger_s: 10,
            retry_first_ms: 100,
            retry_most_s: 60,
            learn: LearnOptions::default(),
            flavour: Vec::new(),
        }
    }
}

impl Default for LearnOptions {
    fn default() -> Self {
        let after = NonZeroU32::MIN.saturating_add(1);
        LearnOptions { flavours: 16, after, high: 64, forget_s: 1800 }
    }
}

impl Options {
    /// What the planner is told of them.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let LearnOptions { flavours, after, high, forget_s } = self.learn;
        Settings {
            budget_kib: if self.enabled { self.budget.kib() } else { 0 },
            keep_free_kib: self.keep_free.kib(),
            builds: self.builds.get(),
            patience: Duration::from_millis(self.patience_ms),
            memory: Duration::from_secs(self.remember_s),
            linger: Duration::from_secs(self.linger_s),
            retry_first: Duration::from_millis(self.retry_first_ms),
            retry_most: Duration::from_secs(self.retry_most_s),
            learn: Learn {
                flavours,
                after: after.get(),
                high,
                forget: Duration::from_secs(forget_s),
            },
        }
    }
}

impl From<FlavourSpec> for FlavourOptions {
    fn from(spec: FlavourSpec) -> Self {
        let FlavourSpec { low, high, loaded, guest } = spec;
        FlavourOptions { low, high, loaded, guest }
    }
}

impl FlavourOptions {
    /// The flavour, with what its image and the host say; `None` as from [`split`].
    #[must_use]
    pub fn flavour(&self, facts: &Facts) -> Option<Flavour> {
        let (wanted, _) = split(&self.guest, facts)?;
        Some(if self.loaded { wanted.flavour().clone() } else { wanted.flavour().blank() })
    }

    /// How many shells there may be.
    #[must_use]
    pub const fn marks(&self) -> Watermarks {
        Watermarks::new(self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_planner_s_default() {
        let options: Options = toml::from_str("").unwrap();
        assert_eq!(options, Options::default());
        assert_eq!(options.settings(), Settings::default());
    }

    #[test]
    fn a_flavour_is_described_by_a_guest() {
        let text = "budget = '1GiB'\n[learn]\nflavours = 0\n[[flavour]]\nlow = 8\nhigh = 64\n\
            [flavour.guest]\nkernel = '/k'\nmemory = '8MiB'\nnic = [{}]\n";
        let options: Options = toml::from_str(text).unwrap();
        assert_eq!(options.settings().budget_kib, 1 << 20);
        let flavour = &options.flavour[0];
        assert_eq!((flavour.marks(), flavour.loaded), (Watermarks::new(8, 64), true));
        assert_eq!(flavour.guest.nics().len(), 1);
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in [
            "budgt = '1GiB'",
            "builds = 0",
            "budget = 5",
            "[[flavour]]\nlow = 1\nhigh = 2\nguest = {}",
            "[[flavour]]\nlow = 1\nguest = { kernel = '/k' }",
        ] {
            assert!(toml::from_str::<Options>(wrong).is_err(), "{wrong}");
        }
    }
}
