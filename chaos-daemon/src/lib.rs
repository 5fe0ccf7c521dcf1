//! The lightvm daemon: creates and serves guests.
