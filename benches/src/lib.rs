//! What the benchmarks share.

pub mod ping;
mod summary;

pub use summary::Summary;
