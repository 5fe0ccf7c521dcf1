//! A panic says why on the console, then ends the guest as crashed.

use crate::hooks;
use crate::last_words::LastWords;
use crate::sched::{self, Shutdown};
use core::fmt::Write;
use core::panic::PanicInfo;

/// Ends the guest by a panic; what [`entry!`](crate::entry) makes the panic handler.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    // A full ring cuts the message short; the guest ends all the same.
    let _ = write!(LastWords::open(), "{info}\r\n");
    hooks::crashed();
    sched::shutdown(Shutdown::Crash)
}
