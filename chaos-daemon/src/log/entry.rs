//! One record on its way out.

use std::fmt::Write;
use std::sync::Arc;

use lightvm::api::LogRecord;
use serde::Serialize;
use uuid::Uuid;

/// A record and whose it is.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The guest.
    pub guest: Uuid,
    /// Its name when it came to the daemon.
    pub name: Arc<str>,
    /// What it said.
    #[serde(flatten)]
    pub record: LogRecord,
}

/// What a guest wrote, fit for one line: what is no UTF-8 is replaced, what controls a
/// terminal or ends a line is written as an escape.
pub fn clean(text: &[u8], cut: bool) -> String {
    let text = String::from_utf8_lossy(text);
    let mut clean = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        if c.is_control() && c != '\t' {
            // A string takes everything.
            let _ = write!(clean, "{}", c.escape_default());
        } else {
            clean.push(c);
        }
    }
    if cut {
        clean.push('…');
    }
    clean
}
