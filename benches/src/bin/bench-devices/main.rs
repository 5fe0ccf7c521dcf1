//! What a guest's devices do, measured from dom0: the same for the kernel's back ends and for
//! the daemon's. `scripts/bench noxs` starts the guests.

mod create;
mod first_packet;
mod hostile;
mod linux;
mod ping;
mod table;
mod usage;

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;

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
    /// Creation of guests with console and one interface, and with neither.
    Create {
        /// A guest image, such as target/guests/noop.
        kernel: PathBuf,
        /// Guests of each kind, after a few that are not measured.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// From a native guest's first instruction to its first packet.
    FirstPacket {
        /// Its configuration.
        config: PathBuf,
        /// Guests measured, after a few that are not.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Pings to a guest beside a hostile one, by class of attack.
    Hostile {
        /// The folder of the guests' images, such as target/guests.
        guests: PathBuf,
        /// Round trips of each class, after a few that are not measured.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Puts the output of the others, a file each, side by side.
    Table {
        /// The folder of the files.
        folder: PathBuf,
        /// What the host was, for the heading.
        #[arg(long)]
        host: String,
        /// One JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let report: Value = match Args::parse().what {
        What::Ping { address, domain, rounds } => ping::run(address, domain, rounds)?,
        What::Linux { address, domain, quick } => linux::run(address, domain, quick)?,
        What::Create { kernel, rounds } => create::run(&kernel, rounds)?,
        What::FirstPacket { config, rounds } => first_packet::run(&config, rounds)?,
        What::Hostile { guests, rounds, json } => {
            let figures = hostile::run(&guests, rounds)?;
            if json {
                println!("{figures}");
            } else {
                hostile::print(&figures);
            }
            return match hostile::idle(&figures).as_slice() {
                [] => Ok(()),
                idle => Err(format!("attackers that did nothing: {}", idle.join(", ")).into()),
            };
        }
        What::Table { folder, host, json } => return table::run(&folder, &host, json),
    };
    println!("{report}");
    Ok(())
}
