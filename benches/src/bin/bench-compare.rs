//! Puts what `floor`, `bench-direct` and `bench-xl` measured in one run side by side.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use serde_json::{Value, json};

/// Prints the figures of one run of `scripts/bench create`.
#[derive(Parser)]
struct Args {
    /// Output of `floor --json`.
    floor: PathBuf,
    /// Output of `bench-direct --json`.
    direct: PathBuf,
    /// Output of `bench-xl --json`.
    xl: PathBuf,
    /// What the host was, for the heading.
    #[arg(long)]
    host: String,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Medians: a tick of dom0's timer that falls into a round is not the round's cost.
struct Figures {
    floor: f64,
    direct: f64,
    boot: f64,
    floor_boot: f64,
    destroy: f64,
    floor_destroy: f64,
    xl: f64,
    xl_destroy: f64,
    forkexec: f64,
    calls: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let read = |path: &PathBuf| -> Result<Value, Box<dyn Error>> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    };
    let (floor, direct, xl) = (read(&args.floor)?, read(&args.direct)?, read(&args.xl)?);
    let median = |of: &Value, what: &str| -> Result<f64, String> {
        of[what]["median"].as_f64().ok_or_else(|| format!("no median of `{what}`"))
    };
    let figures = Figures {
        floor: median(&floor["details"], "create")?,
        floor_boot: median(&floor["details"], "boot")?,
        floor_destroy: median(&floor["details"], "destroy")?,
        direct: median(&direct["details"], "create")?,
        boot: median(&direct["details"], "boot")?,
        destroy: median(&direct["details"], "destroy")?,
        forkexec: median(&direct["details"], "forkexec")?,
        xl: median(&xl, "create")?,
        xl_destroy: median(&xl, "destroy")?,
        calls: direct["calls"].as_u64().ok_or("no `calls`")?,
    };
    if args.json {
        println!("{}", to_json(&figures, &args.host, &direct["stages"], &floor["steps"]));
    } else {
        print_table(&figures, &args.host);
    }
    Ok(())
}

fn to_json(f: &Figures, host: &str, stages: &Value, steps: &Value) -> Value {
    json!({
        "host": host,
        "floor_ms": f.floor,
        "direct_ms": f.direct,
        "boot_ms": f.boot,
        "floor_boot_ms": f.floor_boot,
        "destroy_ms": f.destroy,
        "floor_destroy_ms": f.floor_destroy,
        "xl_ms": f.xl,
        "xl_destroy_ms": f.xl_destroy,
        "forkexec_ms": f.forkexec,
        "direct_over_floor": f.direct / f.floor,
        "destroy_over_floor": f.destroy / f.floor_destroy,
        "direct_calls": f.calls,
        "direct_stages": stages,
        "floor_steps": steps,
    })
}

fn print_table(f: &Figures, host: &str) {
    println!("one 4 MiB PVH guest running noop, median ms on {host}\n");
    println!("{:<44} {:>10} {:>10} {:>10}", "", "create", "boot", "destroy");
    let row = |name: &str, create: f64, boot: Option<f64>, destroy: Option<f64>| {
        let cell = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
        println!("{name:<44} {create:>10.4} {:>10} {:>10}", cell(boot), cell(destroy));
    };
    row("xl create, xl destroy (fork to exit)", f.xl, None, Some(f.xl_destroy));
    row("fork, exec and wait of /bin/true", f.forkexec, None, None);
    row("floor: libxenctrl, fewest calls", f.floor, Some(f.floor_boot), Some(f.floor_destroy));
    row("lightvm, direct", f.direct, Some(f.boot), Some(f.destroy));
    println!(
        "\nlightvm over floor: create {:.3}, destroy {:.3}; {} calls to Xen and its device files",
        f.direct / f.floor,
        f.destroy / f.floor_destroy,
        f.calls
    );
}
