//! How a guest waits and ends: `sched_op`, Xen `public/sched.h`.

use crate::event::Port;
use crate::hypercall::{self, Number};

const SHUTDOWN: usize = 2;
const POLL: usize = 3;

/// Why a guest ends, as Xen tells the toolstack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Shutdown {
    /// Done.
    PowerOff = 0,
    /// Wants to be started afresh.
    Reboot = 1,
    /// Something went wrong.
    Crash = 3,
}

/// `struct sched_poll`.
#[repr(C)]
struct Poll {
    ports: *const Port,
    count: u32,
    /// Absolute system time in ns; 0 is no limit.
    timeout: u64,
}

/// `struct sched_shutdown`.
#[repr(C)]
struct Reason(Shutdown);

/// Ends the guest.
pub fn shutdown(reason: Shutdown) -> ! {
    loop {
        // SAFETY: SCHEDOP_shutdown takes a sched_shutdown.
        unsafe { hypercall::operate(Number::SchedOp, SHUTDOWN, &mut Reason(reason)) };
    }
}

/// Sleeps for ever: the vCPU is blocked inside Xen. An event that arrives wakes
/// it just long enough to go back to sleep.
pub fn idle() -> ! {
    loop {
        poll(&[], None);
    }
}

/// Blocks until one of `ports` is pending, or until system time `until` in ns. With no
/// ports: until any port of the guest becomes pending.
pub(crate) fn poll(ports: &[Port], until: Option<u64>) {
    let count = u32::try_from(ports.len()).unwrap_or(u32::MAX);
    let timeout = until.map_or(0, |time| time.max(1));
    let mut argument = Poll { ports: ports.as_ptr(), count, timeout };
    // SAFETY: SCHEDOP_poll takes a sched_poll; the list it points to outlives the call.
    unsafe { hypercall::operate(Number::SchedOp, POLL, &mut argument) };
}
