//! What guests report through their log rings, and where it goes.
//!
//! A guest's shard hands its records to the guest's [`Book`], which limits their rate,
//! keeps the last ones for the API and queues them for one thread; that thread writes
//! them to every `outlet`. Nothing here waits: what finds no room is counted, and the
//! count is reported as soon as a record passes again.

mod book;
mod entry;
mod options;
mod outlet;
mod service;

pub use book::Book;
pub use entry::{Entry, clean};
pub use options::{Facility, Options, Target};
pub use outlet::Outlet;
pub use service::{LogError, Service};

#[cfg(test)]
mod tests;
