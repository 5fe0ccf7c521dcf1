//! Event channels: `event_channel_op` and the pending bits in the shared info page.

use crate::hvm::{self, Parameter};
use crate::hypercall::{self, Number};
use crate::info::{BootInfo, Flavour};
use crate::{sched, shared_info};

const SEND: usize = 4;

/// Offset of `evtchn_pending` in `struct shared_info`, behind 32 `vcpu_info` of 64 bytes.
const PENDING_OFFSET: usize = 32 * 64;

/// Ports of the two-level event channel interface, the one in force at boot.
const PORTS: u32 = 4096;

/// A guest's end of an event channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Port(u32);

impl Port {
    /// The port with this number; `None` for those that cannot exist.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 || number >= PORTS { None } else { Some(Self(number)) }
    }

    /// The port's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The port of the PV console; `None` where the toolstack gave the guest no console.
    #[must_use]
    pub fn console(boot: BootInfo) -> Option<Self> {
        match boot.flavour() {
            Flavour::Pvh => {
                let number = hvm::parameter(Parameter::ConsoleEventChannel)?;
                Self::new(u32::try_from(number).ok()?)
            }
            Flavour::Pv => Self::new(boot.pv_console()?.event_channel),
        }
    }

    /// The port that stands in the store's boot slot; `None` where there is none.
    pub(crate) fn store(boot: BootInfo) -> Option<Self> {
        match boot.flavour() {
            Flavour::Pvh => {
                let number = hvm::parameter(Parameter::StoreEventChannel)?;
                Self::new(u32::try_from(number).ok()?)
            }
            Flavour::Pv => Self::new(boot.pv_store()?.event_channel),
        }
    }
}

/// Raises an event for whoever holds the other end. A port with no other end is
/// left alone.
pub fn send(port: Port) {
    /// `struct evtchn_send`.
    #[repr(C)]
    struct Send(Port);
    // SAFETY: EVTCHNOP_send takes an evtchn_send.
    unsafe { hypercall::operate(Number::EventChannelOp, SEND, &mut Send(port)) };
}

/// Sleeps until an event arrives at `port` and takes it.
///
/// Returns at once when one is already there, so the pattern that loses nothing
/// is: look at the shared state, and only if there is nothing to do, wait and
/// look again.
pub fn wait(boot: BootInfo, port: Port) {
    wait_until(boot, port, None);
}

/// [`wait`], at most until system time `until` in ns ([`Clock::now`](crate::Clock::now)).
pub fn wait_until(boot: BootInfo, port: Port, until: Option<u64>) {
    let shared_info = shared_info::page(boot);
    sched::poll(&[port], until);
    shared_info.clear_bit(PENDING_OFFSET + (port.0 / 64) as usize * 8, port.0 % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_ports_are_refused() {
        assert_eq!(Port::new(0), None);
        assert_eq!(Port::new(4096), None);
        assert_eq!(Port::new(4095), Some(Port(4095)));
    }
}
