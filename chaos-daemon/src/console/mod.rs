//! Guests' consoles: the host's end of the ring, the log, the viewers, the writer.
//!
//! A guest's shard moves what the guest prints to its [`Sink`]. From there it goes to
//! viewers at once and to the guest's log through one thread that writes files for all
//! guests; the ring's room goes back to the guest only when its log has the bytes, so
//! neither a slow disk nor the end of this program loses any. A guest that prints
//! faster than it may waits; nothing of what it prints is dropped.
//!
//! Files are open only while they are written or read: an idle guest costs no
//! descriptor and no buffer.

mod backend;
mod feed;
mod input;
mod options;
mod service;
mod terminal;
mod viewer;
mod writer;

pub use backend::ConsoleBackend;
pub use feed::Sink;
pub use input::{Taken, Writer};
pub use options::Options;
pub use service::Service;
pub use terminal::{Terminal, TerminalError};
pub use viewer::Viewer;

#[cfg(test)]
mod tests;
