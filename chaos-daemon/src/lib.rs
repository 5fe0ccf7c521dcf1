//! The lightvm daemon: creates and serves guests.

pub mod facade;
