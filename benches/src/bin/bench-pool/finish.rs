//! A guest of a loaded shell: how long the client waits for its answer, with the guest running
//! and with the guest ready.

use std::error::Error;
use std::path::Path;
use std::thread::sleep;

use lightvm::api::Wait;
use lightvm_bench::Summary;
use serde_json::{Value, json};

use super::host::{Host, Made, REST, loaded};

const WARM_UP: u32 = 5;

/// `rounds` guests of each kind.
pub(crate) fn run(kernel: &Path, rounds: u32) -> Result<Value, Box<dyn Error>> {
    let host = Host::open(kernel, None)?;
    let finish = series(&host, Wait::None, rounds)?;
    let ready = series(&host, Wait::Ready, rounds)?;
    let of = |made: &[Made]| Summary::of(made.iter().map(|made| made.time));
    Ok(json!({
        "finish": of(&finish),
        "ready": of(&ready),
        "loaded": loaded(&finish) + loaded(&ready),
        "guests": finish.len() + ready.len(),
    }))
}

fn series(host: &Host, wait: Wait, rounds: u32) -> Result<Vec<Made>, Box<dyn Error>> {
    let mut all = Vec::new();
    for round in 0..WARM_UP + rounds {
        host.settle(1)?;
        sleep(REST);
        let made = host.create(&format!("finish-{round}"), wait)?;
        sleep(REST);
        host.client.destroy(made.answer.guest.name.as_str())?;
        if round >= WARM_UP {
            all.push(made);
        }
    }
    Ok(all)
}
