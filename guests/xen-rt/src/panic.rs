//! A panic says why on the console, then ends the guest as crashed.

use crate::info::BootInfo;
use crate::sched::{self, Shutdown};
use crate::Console;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

/// The console for last words: what does not fit is lost, nothing waits.
struct LastWords(Console);

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let written = self.0.push(text.as_bytes());
        if written == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(console) = BootInfo::installed().and_then(Console::open) {
        // A full ring cuts the message short; the guest ends all the same.
        let _ = write!(LastWords(console), "{info}\r\n");
    }
    sched::shutdown(Shutdown::Crash)
}
