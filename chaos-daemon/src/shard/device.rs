//! A device of a guest, whatever its kind.

use lightvm::api::DeviceStats;

use super::arrival::DeviceSpec;
use super::{Context, Fault, Pages, Turn};
use crate::block::{Abi, BlockBackend, Completion};
use crate::console::ConsoleBackend;
use crate::net::NetBackend;

/// What a front end brings along: its rings, mapped, and what it says about them.
pub(crate) enum Front {
    Console { page: Pages },
    Net { tx: Pages, rx: Pages, features: u16 },
    Block { ring: Pages, abi: Abi, persistent: bool },
}

/// A device that is connected.
pub(super) enum Device {
    Console(Box<ConsoleBackend>),
    Net(Box<NetBackend>),
    Block(Box<BlockBackend>),
}

impl Device {
    /// Connects a back end to its front end.
    pub(super) fn attach(
        spec: &DeviceSpec,
        front: Front,
        context: &mut Context<'_>,
    ) -> Result<Device, Fault> {
        Ok(match (spec, front) {
            (DeviceSpec::Console(sink), Front::Console { page }) => {
                Device::Console(Box::new(ConsoleBackend::attach(page, sink.clone())))
            }
            (DeviceSpec::Net(config), Front::Net { tx, rx, features }) => {
                Device::Net(Box::new(NetBackend::attach(tx, rx, features, config, context)?))
            }
            (DeviceSpec::Block { disk, options }, Front::Block { ring, abi, persistent }) => {
                let disk = std::sync::Arc::clone(disk);
                let block = BlockBackend::attach(ring, abi, disk, *options)?;
                let block = if persistent { block.with_grants_that_stay() } else { block };
                Device::Block(Box::new(block))
            }
            _ => return Err(Fault::Protocol("a front end of another kind")),
        })
    }

    pub(super) fn service(&mut self, context: &mut Context<'_>) -> Result<Turn, Fault> {
        match self {
            Device::Console(console) => console.service(context),
            Device::Net(net) => net.service(context),
            Device::Block(block) => block.service(context),
        }
    }

    /// Hands a network interface what the switch has for it.
    pub(super) fn deliver(&mut self, context: &mut Context<'_>) -> Result<Turn, Fault> {
        match self {
            Device::Net(net) => net.deliver(context),
            Device::Console(_) | Device::Block(_) => Ok(Turn::DONE),
        }
    }

    /// Tells a disk of the end of an operation.
    pub(super) fn completed(&mut self, completion: Completion) {
        if let Device::Block(block) = self {
            block.completed(completion);
        }
    }

    pub(super) fn stats(&self) -> DeviceStats {
        match self {
            Device::Console(console) => console.stats(),
            Device::Net(net) => net.stats(),
            Device::Block(block) => block.stats(),
        }
    }

    /// Disconnects it.
    pub(super) fn detach(self, context: &mut Context<'_>) {
        match self {
            Device::Console(mut console) => drop(console.service(context)),
            Device::Net(net) => net.detach(context),
            Device::Block(block) => drop(block),
        }
    }
}
