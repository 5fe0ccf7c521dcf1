//! The page itself: [`HostPage`] for the host, [`GuestPage`] for the guest.
//!
//! Each side has one of them per guest and uses it from one thread at a time.

mod guest;
mod header;
mod host;

pub use guest::GuestPage;
pub use header::{GrantTable, Header};
pub use host::HostPage;

#[cfg(test)]
mod tests;
