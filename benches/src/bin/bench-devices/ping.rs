//! Pings to a guest, and who used the CPU for them.

use std::error::Error;
use std::net::Ipv4Addr;

use lightvm_bench::{Summary, ping};
use serde_json::{Value, json};

use crate::usage::Usage;

/// Trips before those that are measured: every buffer of a guest has been used twice then, and a
/// process that has just begun no longer waits for others on the CPU.
const WARM_UP: u16 = 150;

/// The times of `rounds` round trips, and who used the CPU.
pub(crate) fn run(address: Ipv4Addr, domain: u16, rounds: u16) -> Result<Value, Box<dyn Error>> {
    let socket = ping::open(address)?;
    ping::trips(&socket, WARM_UP)?;
    let before = Usage::now(domain)?;
    let times = ping::trips(&socket, rounds)?;
    let usage = before.since(domain, rounds.into())?;
    Ok(json!({ "ms": Summary::of(times), "each": usage }))
}
