//! What a guest's devices do, measured from dom0: the same for the kernel's back ends and for
//! the daemon's. `scripts/bench noxs` starts the guests.

mod linux;
mod ping;
mod usage;

use std::error::Error;
use std::net::Ipv4Addr;

use clap::{Parser, Subcommand};
use serde_json::Value;

/// Measures the devices of a running guest; one JSON object to standard output.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Round trips of ICMP echo requests.
    Ping {
        /// The guest.
        address: Ipv4Addr,
        /// Its number in Xen.
        domain: u16,
        /// Round trips measured, after a few that are not.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
    },
    /// TCP and disk of a guest that runs `bench-guest`.
    Linux {
        /// The guest.
        address: Ipv4Addr,
        /// Its number in Xen.
        domain: u16,
        /// An eighth of the work, to see whether it runs.
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let report: Value = match Args::parse().what {
        What::Ping { address, domain, rounds } => ping::run(address, domain, rounds)?,
        What::Linux { address, domain, quick } => linux::run(address, domain, quick)?,
    };
    println!("{report}");
    Ok(())
}
