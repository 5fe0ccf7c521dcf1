//! The shell command, fork to exit, beside a process that does nothing.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lightvm_bench::Summary;
use serde_json::{Value, json};

use super::host::{Host, REST};

const WARM_UP: u32 = 3;

/// `rounds` commands of each kind.
pub(crate) fn run(kernel: &Path, rounds: u32) -> Result<Value, Box<dyn Error>> {
    let host = Host::open(kernel, None)?;
    let (mut create, mut forks) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + rounds {
        host.settle(1)?;
        sleep(REST);
        let mut lvm = Command::new("lvm");
        lvm.args(["create", "--wait", "--memory", "2MiB", "--type", "pvh", "--name", "cli"])
            .arg("--kernel")
            .arg(kernel);
        let took = time(&mut lvm)?;
        sleep(REST);
        host.client.destroy("cli")?;
        sleep(REST);
        let fork = time(&mut Command::new("/bin/true"))?;
        if round >= WARM_UP {
            create.push(took);
            forks.push(fork);
        }
    }
    Ok(json!({ "create": Summary::of(create), "forkexec": Summary::of(forks) }))
}

fn time(command: &mut Command) -> Result<Duration, Box<dyn Error>> {
    command.stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{command:?}: {status}").into()) }
}
