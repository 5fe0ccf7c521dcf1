//! What a guest of the daemon's pool costs, measured from dom0. `scripts/bench pool` starts the
//! daemon and its network.

mod churn;
mod cli;
mod density;
mod finish;
mod flat;
mod host;
mod sustained;
mod table;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::Value;

/// Measures the pool of a running daemon; one JSON object to standard output.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Creation through one client, without waiting and until the guest is ready.
    Finish {
        /// A native guest's image, such as target/guests/hello-c.
        kernel: PathBuf,
        /// Guests of each kind, after a few that are not measured.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// `lvm create --wait` beside `/bin/true`, fork to exit.
    Cli {
        /// A native guest's image.
        kernel: PathBuf,
        /// Commands of each kind, after a few that are not measured.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Creation of ever more guests with console and network.
    Flat {
        /// A native guest's image.
        kernel: PathBuf,
        /// The network that they are attached to.
        #[arg(long)]
        network: String,
        /// How many; the first hundred and the last are compared.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(200..))]
        guests: u32,
    },
    /// Creation while others are destroyed.
    Churn {
        /// A native guest's image.
        kernel: PathBuf,
        /// How many are destroyed.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        guests: u32,
    },
    /// Many guests at once: all are pinged, then all destroyed.
    Density {
        /// An image that answers pings, such as target/guests/echo.
        kernel: PathBuf,
        /// The network that they are attached to.
        #[arg(long)]
        network: String,
        /// How many.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        guests: u32,
    },
    /// Creation until ready and destruction, one after the other.
    Sustained {
        /// A native guest's image.
        kernel: PathBuf,
        /// Seconds.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
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
        What::Finish { kernel, rounds } => finish::run(&kernel, rounds)?,
        What::Cli { kernel, rounds } => cli::run(&kernel, rounds)?,
        What::Flat { kernel, network, guests } => flat::run(&kernel, &network, guests)?,
        What::Density { kernel, network, guests } => density::run(&kernel, &network, guests)?,
        What::Churn { kernel, guests } => churn::run(&kernel, guests)?,
        What::Sustained { kernel, seconds } => sustained::run(&kernel, seconds)?,
        What::Table { folder, host, json } => return table::run(&folder, &host, json),
    };
    println!("{report}");
    Ok(())
}
