//! The network back end: the host's end of one guest's interface, over the rings of Xen's
//! `public/io/netif.h`.
//!
//! Packets are copied: what the guest changes afterwards changes nothing here. The hypervisor
//! copies, or the back end itself where the guest keeps its buffers granted ([`crate::kept`]).
//! Each turn reads the descriptions there are, copies all pieces with one call of the
//! system, and answers in the order of the ring. Answers are published after whole packets
//! only, so a daemon that comes after this one finds the ring at the start of a packet.

mod config;
mod limit;
mod receive;
pub mod request;
mod stats;
mod transmit;

use lightvm::api::DeviceStats;

pub use config::NetConfig;
pub use stats::Errors;

use crate::shard::{Context, Fault, Pages, Turn};
use crate::switch::{Abilities, Counters, PortId};
use limit::Limit;
use receive::Receive;
use transmit::Transmit;

/// What a front end says it can take or does: bits of the features in the device table.
pub mod feature {
    /// Packets with a blank checksum.
    pub const CSUM: u16 = 1;
    /// Long TCP packets over IPv4.
    pub const GSO_TCPV4: u16 = 1 << 1;
    /// Long TCP packets over IPv6.
    pub const GSO_TCPV6: u16 = 1 << 2;
    /// Packets in several pages.
    pub const SG: u16 = 1 << 3;
    /// Buffers that stay granted.
    pub const GRANTS_STAY: u16 = noxs::device::GRANTS_STAY;
    /// All that this back end can.
    pub const ALL: u16 = CSUM | GSO_TCPV4 | GSO_TCPV6 | SG | GRANTS_STAY;
}

/// Buffers of one direction that are kept mapped: as many as its ring has slots.
const MOST_KEPT: usize = 256;

/// The host's end of one network interface.
pub struct NetBackend {
    transmit: Transmit,
    receive: Receive,
    port: PortId,
    errors: Errors,
    counters: Counters,
}

impl NetBackend {
    /// Connects an interface to the switch. `features` are those of [`feature`] that the
    /// front end takes.
    ///
    /// # Errors
    /// [`Fault::Host`] when its MAC address is in use.
    pub fn attach(
        tx: Pages,
        rx: Pages,
        features: u16,
        config: &NetConfig,
        context: &mut Context<'_>,
    ) -> Result<Self, Fault> {
        let (fabric, now) = (&mut *context.fabric, context.now);
        let port = fabric
            .add_port(config.port(context.device), now)
            .map_err(|e| Fault::Host(e.to_string()))?;
        fabric.set_abilities(port, abilities(features));
        let kept = if features & feature::GRANTS_STAY != 0 { MOST_KEPT } else { 0 };
        Ok(NetBackend {
            transmit: Transmit::new(tx, port, Limit::new(config.rate, now), kept),
            receive: Receive::new(rx, port, features & feature::SG != 0, kept),
            port,
            errors: Errors::default(),
            counters: Counters::default(),
        })
    }

    /// Takes what the guest sends, and hands it what found no room before.
    ///
    /// # Errors
    /// [`Fault`]: the interface is disconnected.
    pub fn service(&mut self, context: &mut Context<'_>) -> Result<Turn, Fault> {
        let sent = self.transmit.service(context, &mut self.errors)?;
        let received = self.deliver(context)?;
        Ok(Turn { again: sent.again || received.again, wake: sent.wake })
    }

    /// Hands the guest what the switch has for it.
    ///
    /// # Errors
    /// As [`NetBackend::service`].
    pub fn deliver(&mut self, context: &mut Context<'_>) -> Result<Turn, Fault> {
        let turn = self.receive.deliver(context, &mut self.errors)?;
        if let Some(counters) = context.fabric.counters(self.port) {
            self.counters = counters;
        }
        Ok(turn)
    }

    /// Disconnects the interface from the switch.
    pub fn detach(self, context: &mut Context<'_>) {
        context.fabric.remove_port(self.port);
    }

    /// What was wrong with packets on its rings.
    pub fn errors(&self) -> Errors {
        self.errors
    }

    /// What passed its port, as of its last turn.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What went through it, as of its last turn.
    pub fn stats(&self) -> DeviceStats {
        let counters = &self.counters;
        DeviceStats {
            in_bytes: counters.received_bytes,
            in_count: counters.received_packets,
            out_bytes: counters.sent_bytes,
            out_count: counters.sent_packets,
            in_dropped: counters.queue_full + counters.malformed,
            out_dropped: counters.spoofed.total()
                + counters.group_limit
                + counters.nowhere
                + counters.uplink_refused,
            errors: self.errors.total(),
            throttled: self.transmit.throttled(),
            ..DeviceStats::default()
        }
    }
}

/// What a guest with these features takes from the switch.
fn abilities(features: u16) -> Abilities {
    let has = |bit| features & bit != 0;
    let long = has(feature::CSUM) && has(feature::SG);
    Abilities {
        checksum: has(feature::CSUM),
        gso_v4: long && has(feature::GSO_TCPV4),
        gso_v6: long && has(feature::GSO_TCPV6),
    }
}
