//! Creation while others are destroyed.

use std::error::Error;
use std::path::Path;
use std::thread::{scope, sleep};
use std::time::Duration;

use lightvm::api::Wait;
use lightvm::client::Client;
use serde_json::{Value, json};

use super::host::{Host, Made, loaded};

/// Time between two creations.
const EVERY: Duration = Duration::from_millis(5);
/// Shells that are there when it begins.
const SHELLS: u32 = 32;

/// Creates guests until `guests` others are gone and their memory is back.
pub(crate) fn run(kernel: &Path, guests: u32) -> Result<Value, Box<dyn Error>> {
    let host = Host::open(kernel, None)?;
    let names: Vec<_> = (0..guests).map(|number| format!("old-{number}")).collect();
    for name in &names {
        host.create(name, Wait::None)?;
    }
    host.settle(SHELLS)?;
    let made = scope(|scope| {
        let destroyer = scope.spawn(|| destroy(host.client.socket(), &names));
        let made = until(&host, || destroyer.is_finished());
        destroyer.join().map_err(|_| "the other thread has panicked")??;
        made
    })?;
    for guest in &made {
        host.client.destroy(guest.answer.guest.name.as_str())?;
    }
    let mut ms: Vec<f64> = made.iter().map(|made| made.time.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    let (median, p99) = (ms[ms.len() / 2], ms[(ms.len() * 99).div_ceil(100) - 1]);
    Ok(json!({
        "median": median, "p99": p99, "max": ms[ms.len() - 1], "ratio": p99 / median,
        "loaded": loaded(&made), "guests": ms.len(), "destroyed": guests,
    }))
}

/// Creates guests until `done` and nothing is on its way back.
fn until(host: &Host, done: impl Fn() -> bool) -> Result<Vec<Made>, Box<dyn Error>> {
    let mut all = Vec::new();
    loop {
        all.push(host.create(&format!("new-{}", all.len()), Wait::None)?);
        sleep(EVERY);
        if done() && host.client.pool()?.returning == 0 {
            return Ok(all);
        }
    }
}

fn destroy(socket: &Path, names: &[String]) -> Result<(), String> {
    let client = Client::connect(socket).map_err(|e| e.to_string())?;
    names.iter().try_for_each(|name| client.destroy(name)).map_err(|e| e.to_string())
}
