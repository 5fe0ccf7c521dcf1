//! The lightvm daemon.
fn main() {}
