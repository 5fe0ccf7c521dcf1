//! What the benchmarks share.

mod summary;

pub use summary::Summary;
