//! Whether the thousandth guest costs what the first did.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use lightvm::api::Wait;
use lightvm_bench::Summary;
use serde_json::{Value, json};

use super::host::{Host, Made, loaded};

/// How many are compared at either end.
const EDGE: usize = 100;
/// Time between two creations, in which the pool builds the next shell.
const EVERY: Duration = Duration::from_millis(10);

/// Creates `guests`, 10 ms apart, and destroys them.
pub(crate) fn run(kernel: &Path, network: &str, guests: u32) -> Result<Value, Box<dyn Error>> {
    let host = Host::open(kernel, Some(network))?;
    host.settle(1)?;
    let mut all = Vec::new();
    for number in 0..guests {
        let due = Instant::now() + EVERY;
        all.push(host.create(&format!("flat-{number}"), Wait::None)?);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let of = |made: &[Made]| Summary::of(made.iter().map(|made| made.time));
    let (first, last) = (of(&all[..EDGE]), of(&all[all.len() - EDGE..]));
    let whole = of(&all);
    for made in &all {
        host.client.destroy(made.answer.guest.name.as_str())?;
    }
    host.settle(0)?;
    Ok(json!({
        "first": first, "last": last, "all": whole, "ratio": last.mean / first.mean,
        "loaded": loaded(&all), "guests": guests,
    }))
}
