//! The console as a dying guest uses it: what does not fit is lost, nothing waits.

use crate::Console;
use crate::info::BootInfo;
use core::fmt;

/// Output of a guest that is about to end; goes nowhere when there is no console.
pub(crate) struct LastWords(Option<Console>);

impl LastWords {
    pub(crate) fn open() -> Self {
        Self(BootInfo::installed().and_then(Console::open))
    }

    pub(crate) fn say(&mut self, text: &[u8]) {
        if let Some(console) = &mut self.0 {
            console.push(text);
        }
    }
}

impl fmt::Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.say(text.as_bytes());
        Ok(())
    }
}
