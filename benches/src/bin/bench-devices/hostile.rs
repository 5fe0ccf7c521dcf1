//! What a hostile guest costs its neighbour: pings to an `echo` guest while `hostile` attacks,
//! beside pings while nobody does anything and while a guest burns the CPU without attacking.
//! What the second takes is Xen's scheduler's; what an attack takes beyond that is the host's
//! work for the attacker.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use lightvm::api::{CreateRequest, DEFAULT_SOCKET, NetworkSpec, Uplink, Wait};
use lightvm::client::Client;
use lightvm::config::{ControlMode, Disk, GuestConfig, GuestOverrides, MemSize, Nic};
use lightvm_bench::Summary;
use serde_json::{Value, json};

use crate::ping;

/// Each class of attack, and those of `hostile`'s that stand for it.
const CLASSES: [(&str, &str, ControlMode); 11] = [
    ("event storm", "event-storm", ControlMode::Noxs),
    ("doorbell storm", "page-doorbells", ControlMode::Noxs),
    ("control page scribbling", "page-everything", ControlMode::Noxs),
    ("devices taken and left", "page-features", ControlMode::Noxs),
    ("broadcast flood", "net-flood-broadcast", ControlMode::Noxs),
    ("unicast flood", "net-flood-unknown", ControlMode::Noxs),
    ("bad requests in a ring", "net-tx-bad-grant", ControlMode::Noxs),
    ("block request flood", "block-flush-storm", ControlMode::Noxs),
    ("console flood", "console-flood", ControlMode::Noxs),
    ("log flood", "log-flood", ControlMode::Noxs),
    ("store ring flood", "store-kinds", ControlMode::Facade),
];

const NETWORK: &str = "hostile";
const HOST: &str = "10.94.0.1/24";
const ATTACKER: &str = "attacker";
/// What an attack gets to come into its own.
const START: Duration = Duration::from_millis(60);
/// Longer than anything is measured.
const FOR_EVER: &str = "seconds=3600";

struct Bench<'a> {
    client: Client,
    guests: &'a Path,
    address: Ipv4Addr,
    rounds: u16,
}

/// Pings beside each class of attack, `rounds` of each; guest images are in `guests`.
pub(crate) fn run(guests: &Path, rounds: u16) -> Result<Value, Box<dyn Error>> {
    let client = Client::connect(DEFAULT_SOCKET)?;
    client.create_network(&NetworkSpec {
        name: NETWORK.to_owned(),
        uplink: Uplink::Routed { nat: false },
        subnet4: Some(HOST.parse()?),
        subnet6: None,
        dhcp: false,
        mtu: None,
    })?;
    let mut bench = Bench { client, guests, address: Ipv4Addr::UNSPECIFIED, rounds };
    bench.address = bench.neighbour()?;
    let mut figures = vec![bench.beside("nobody", || Ok(()))?];
    figures.push(
        bench.beside("a guest that spins", || bench.start("panicky", "spin", ControlMode::None))?,
    );
    for (class, attack, control) in CLASSES {
        let words = format!("attack={attack} {FOR_EVER} idle");
        figures.push(bench.beside(class, || bench.start("hostile", &words, control))?);
    }
    figures.push(bench.beside("nobody, at the end", || Ok(()))?);
    bench.client.destroy("neighbour")?;
    bench.client.delete_network(NETWORK)?;
    Ok(Value::Array(figures))
}

impl Bench<'_> {
    /// Pings while what `start` starts is there.
    fn beside(
        &self,
        name: &str,
        start: impl FnOnce() -> Result<(), Box<dyn Error>>,
    ) -> Result<Value, Box<dyn Error>> {
        eprintln!("bench: {name}");
        start()?;
        sleep(START);
        let times = ping::times(self.address, self.rounds);
        let stats = self.client.stats(ATTACKER).ok();
        let _ = self.client.destroy(ATTACKER);
        // Xen clears the attacker's memory meanwhile.
        sleep(START);
        Ok(json!({ "beside": name, "ms": Summary::of(times?), "attacker": stats }))
    }

    fn neighbour(&self) -> Result<Ipv4Addr, Box<dyn Error>> {
        let address = Ipv4Addr::new(10, 94, 0, 2);
        let nic = Nic { addresses: vec![format!("{address}/24").parse()?], ..self.nic() };
        let config = GuestOverrides { nic: Some(vec![nic]), ..self.guest("echo", "neighbour")? };
        self.create(config, Wait::Ready)?;
        Ok(address)
    }

    fn start(&self, image: &str, words: &str, control: ControlMode) -> Result<(), Box<dyn Error>> {
        let mut config = self.guest(image, ATTACKER)?;
        config.cmdline = Some(words.to_owned());
        config.control = Some(control);
        if control != ControlMode::None {
            let disk = Path::new("/tmp/attacker.img");
            std::fs::File::create(disk)?.set_len(1 << 20)?;
            (config.nic, config.disk) = (Some(vec![self.nic()]), Some(vec![Disk::new(disk)]));
        }
        self.create(config, Wait::None)
    }

    fn create(&self, config: GuestOverrides, wait: Wait) -> Result<(), Box<dyn Error>> {
        let config = GuestConfig::from_overrides(config)?.config;
        self.client.create(&CreateRequest { config, wait, timeout_ms: None, paused: false })?;
        Ok(())
    }

    fn guest(&self, image: &str, name: &str) -> Result<GuestOverrides, Box<dyn Error>> {
        Ok(GuestOverrides {
            name: Some(name.parse()?),
            kernel: Some(self.guests.join(image)),
            memory: Some(MemSize::from_kib(8 << 10)?),
            ..Default::default()
        })
    }

    fn nic(&self) -> Nic {
        Nic { network: Some(NETWORK.to_owned()), ..Nic::default() }
    }
}

/// A table of the figures that [`run`] answers.
pub(crate) fn print(figures: &Value) {
    let median = |figure: &Value| figure["ms"]["median"].as_f64().unwrap_or(f64::NAN) * 1e3;
    let all = figures.as_array().map_or(&[][..], Vec::as_slice);
    let [idle, spin] = [0, 1].map(|n| all.get(n).map_or(f64::NAN, median));
    println!(
        "{:<28} {:>10} {:>12} {:>14}",
        "beside", "median us", "against idle", "against a spin"
    );
    for figure in all {
        let us = median(figure);
        let change = |base: f64| (us / base - 1.0) * 100.0;
        let name = figure["beside"].as_str().unwrap_or_default();
        println!("{name:<28} {us:>10.1} {:>+11.1}% {:>+13.1}%", change(idle), change(spin));
    }
}
