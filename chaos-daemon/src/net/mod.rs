//! The network back end: one guest's interface.

use lightvm::api::DeviceStats;
use serde::{Deserialize, Serialize};

use crate::shard::{Context, Fault, Pages, Turn};

/// An interface as its network made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetConfig;

impl NetConfig {
    /// What stands in the guest's device table.
    pub fn entry(&self) -> noxs::device::NetConfig {
        noxs::device::NetConfig::default()
    }

    /// What the back end offers, `NET_…`.
    pub fn features(&self) -> u16 {
        0
    }
}

/// The host's end of one network interface.
pub struct NetBackend;

impl NetBackend {
    /// Connects an interface to the switch.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn attach(
        _tx: Pages,
        _rx: Pages,
        _features: u16,
        _config: &NetConfig,
        _context: &mut Context<'_>,
    ) -> Result<Self, Fault> {
        Ok(NetBackend)
    }

    /// Takes what the guest sends.
    ///
    /// # Errors
    /// [`Fault`]: the interface is disconnected.
    pub fn service(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::DONE)
    }

    /// Hands the guest what the switch has for it.
    ///
    /// # Errors
    /// As [`NetBackend::service`].
    pub fn deliver(&mut self, _context: &mut Context<'_>) -> Result<Turn, Fault> {
        Ok(Turn::DONE)
    }

    /// Disconnects the interface from the switch.
    pub fn detach(self, _context: &mut Context<'_>) {}

    /// What went through it.
    pub fn stats(&self) -> DeviceStats {
        DeviceStats::default()
    }
}
