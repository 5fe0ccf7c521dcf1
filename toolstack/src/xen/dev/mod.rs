//! Ring 2: thin owners of dom0's device files. They know how to pass a call on
//! and how to let go of what they hold, and nothing of what the calls mean.

mod buffer;
mod evtchn;
mod gntdev;
mod mapping;
mod monitor;
mod privcmd;

pub(super) use buffer::{BUFFER_SIZE, Buffer, BufferPool};
pub use evtchn::{EventChannels, Port};
pub(super) use gntdev::{GNTDEV, Gntdev};
pub use gntdev::{GrantMapping, GrantView};
pub use mapping::ForeignMapping;
pub use monitor::{Call, CallMonitor};
pub(super) use privcmd::Privcmd;
