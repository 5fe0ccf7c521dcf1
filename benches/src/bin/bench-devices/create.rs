//! What a guest with console and one network interface costs more to create than one without:
//! by the library's own timings.

use std::error::Error;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lightvm::build::{ChannelSpec, Control};
use lightvm::config::{ControlMode, GuestConfig, GuestOverrides, MemSize, Nic};
use lightvm::create::Creator;
use lightvm::xen::Xen;
use lightvm_bench::Summary;
use serde_json::{Value, json};

const WARM_UP: u32 = 5;
const REST: Duration = Duration::from_millis(10);

/// Creates guests of both kinds in turn, `rounds` of each.
pub(crate) fn run(kernel: &Path, rounds: u32) -> Result<Value, Box<dyn Error>> {
    let creator = Creator::new(&Xen::open()?);
    let bare = config(kernel, ControlMode::None, Vec::new())?;
    let rich = config(kernel, ControlMode::Noxs, vec![Nic::default()])?;
    let none = ChannelSpec::none();
    let noxs = ChannelSpec::for_guest(Control::Noxs, &rich);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + rounds {
        let times = [time(&creator, &bare, &none)?, time(&creator, &rich, &noxs)?];
        if round >= WARM_UP {
            without.push(times[0]);
            with.push(times[1]);
        }
    }
    Ok(json!({ "without": Summary::of(without), "with": Summary::of(with) }))
}

fn config(
    kernel: &Path,
    control: ControlMode,
    nics: Vec<Nic>,
) -> Result<GuestConfig, Box<dyn Error>> {
    let overrides = GuestOverrides {
        kernel: Some(kernel.to_owned()),
        memory: Some(MemSize::from_mib(4)?),
        control: Some(control),
        nic: Some(nics),
        ..Default::default()
    };
    Ok(GuestConfig::from_overrides(overrides)?.config)
}

fn time(
    creator: &Creator,
    config: &GuestConfig,
    channel: &ChannelSpec,
) -> Result<Duration, Box<dyn Error>> {
    sleep(REST);
    let start = Instant::now();
    let loaded = creator.create_with(config, channel)?;
    let time = start.elapsed();
    drop(loaded);
    Ok(time)
}
