//! How many guests a second come and go through one client.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use lightvm::api::Wait;
use serde_json::{Value, json};

use super::host::{Host, Made, loaded};

/// Creates guests that get ready and destroys them, for so many `seconds`.
pub(crate) fn run(kernel: &Path, seconds: u32) -> Result<Value, Box<dyn Error>> {
    let host = Host::open(kernel, None)?;
    host.settle(1)?;
    let limit = Duration::from_secs(seconds.into());
    let mut made: Vec<Made> = Vec::new();
    let start = Instant::now();
    while start.elapsed() < limit {
        let guest = host.create(&format!("sustained-{}", made.len()), Wait::Ready)?;
        host.client.destroy(guest.answer.guest.name.as_str())?;
        made.push(guest);
    }
    // What was put off belongs to it.
    host.settle(0)?;
    let took = start.elapsed();
    let count = u32::try_from(made.len())?;
    Ok(json!({
        "per_second": f64::from(count) / took.as_secs_f64(),
        "loaded": loaded(&made), "guests": count,
    }))
}
