//! The life of a domain, as types.
//!
//! ```text
//!            build            load             start
//!  ShellSpec ─────▶ Shell ──────────▶ Loaded ─────────▶ Running ──▶ destroy
//!                     │   Boot           │                 ▲
//!                     ▼ drop             ▼ drop            │ adopt
//!                  destroyed          destroyed      domid + UUID
//! ```
//!
//! A [`Shell`] has memory, vCPUs and a console channel but nobody living in it; a
//! [`Loaded`] one holds a kernel ready to start. Dropping either leaves nothing of it
//! on the host. A [`Running`] domain lives on when its handle is dropped and ends
//! with [`Running::destroy`].

mod loaded;
mod owner;
mod running;
mod shell;
mod timings;
mod watch;

pub use loaded::{Loaded, Placement};
pub use running::{DestroyError, DomainError, Running};
pub(crate) use shell::Vcpus;
pub use shell::{Limits, Shell, ShellSpec};
pub use timings::{Stage, Timings};
pub use watch::{End, Sign, Watch};
