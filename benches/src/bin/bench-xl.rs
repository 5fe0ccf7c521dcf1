//! What stock `xl` needs for the same guest: fork of `xl create` to its exit, and of
//! `xl destroy` to its exit. xenstored and xenconsoled must be running.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use lightvm_bench::Summary;
use serde_json::json;

/// Times `xl create` and `xl destroy` of a guest without devices.
#[derive(Parser)]
struct Args {
    /// Guest image that idles when told to, such as target/guests/noop.
    kernel: PathBuf,
    /// Rounds measured, after one that is not.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Guest memory in MiB.
    #[arg(long, default_value_t = 4)]
    memory: u64,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

const NAME: &str = "xl-bench";

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let config = std::env::temp_dir().join(format!("{NAME}.cfg"));
    let text = format!(
        "name = \"{NAME}\"\ntype = \"pvh\"\nkernel = \"{}\"\nextra = \"idle\"\nmemory = {}\nvcpus = 1\n",
        args.kernel.display(),
        args.memory
    );
    std::fs::write(&config, text)?;
    let (mut creates, mut destroys) = (Vec::new(), Vec::new());
    for n in 0..=args.rounds {
        std::thread::sleep(Duration::from_millis(10));
        let create = xl(&["create".as_ref(), "-q".as_ref(), &config])?;
        let destroy = xl(&["destroy".as_ref(), NAME.as_ref()])?;
        if n > 0 {
            creates.push(create);
            destroys.push(destroy);
        }
    }
    let (create, destroy) = (Summary::of(creates), Summary::of(destroys));
    if args.json {
        println!("{}", json!({ "create": create, "destroy": destroy, "rounds": args.rounds }));
    } else {
        println!("xl create {:.3} ms, xl destroy {:.3} ms", create.mean, destroy.mean);
    }
    Ok(())
}

fn xl(args: &[&Path]) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let status = Command::new("xl").args(args).stdout(Stdio::null()).status()?;
    let spent = start.elapsed();
    if status.success() { Ok(spent) } else { Err(format!("xl {args:?}: {status}").into()) }
}
