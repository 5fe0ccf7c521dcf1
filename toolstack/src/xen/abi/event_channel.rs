//! `public/event_channel.h` and `public/xen.h` (virtual interrupts).

use super::plain;

/// `EVTCHNOP_alloc_unbound`.
pub const ALLOC_UNBOUND: u64 = 6;
/// `VIRQ_DOM_EXC` (`public/xen.h`): a domain changed its life-cycle state.
pub const VIRQ_DOM_EXC: u32 = 3;

/// `struct evtchn_alloc_unbound`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct AllocUnbound {
    /// IN: whose port.
    pub dom: u16,
    /// IN: who may bind to it.
    pub remote_dom: u16,
    /// OUT: the port.
    pub port: u32,
}

plain!(AllocUnbound);
