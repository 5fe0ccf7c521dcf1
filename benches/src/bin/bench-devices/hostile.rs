//! What a hostile guest costs its neighbour: pings to an `echo` guest while `hostile` attacks,
//! beside pings while nobody does anything and while a guest burns the CPU without attacking.
//! What the second takes is Xen's scheduler's; what an attack takes beyond that is the host's
//! work for the attacker.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use lightvm::api::{CreateRequest, DEFAULT_SOCKET, DeviceStats, NetworkSpec, Stats, Uplink, Wait};
use lightvm::client::Client;
use lightvm::config::{ControlMode, Disk, GuestConfig, GuestOverrides, MemSize, Nic};
use lightvm_bench::{Summary, ping};
use serde_json::{Value, json};

use crate::usage::Usage;

/// What the daemon counts of an attack, and its name.
type Trace = (&'static str, fn(&Stats) -> u64);

/// A class of attacks.
struct Class {
    name: &'static str,
    /// The one of `hostile`'s that stands for it.
    attack: &'static str,
    control: ControlMode,
    trace: Trace,
}

const CLASSES: [Class; 11] = {
    use ControlMode::{Facade, Noxs};
    const EVENTS: Trace = ("events", |stats| stats.events);
    const PACKETS: Trace = ("packets", |stats| each(&stats.nics, packets));
    const fn class(
        name: &'static str,
        attack: &'static str,
        control: ControlMode,
        trace: Trace,
    ) -> Class {
        Class { name, attack, control, trace }
    }
    [
        class("event storm", "event-storm", Noxs, EVENTS),
        class("doorbell storm", "page-doorbells", Noxs, EVENTS),
        class("control page scribbling", "page-everything", Noxs, EVENTS),
        class("devices taken and left", "page-features", Noxs, EVENTS),
        class("broadcast flood", "net-flood-broadcast", Noxs, PACKETS),
        class("unicast flood", "net-flood-unknown", Noxs, PACKETS),
        class("bad requests in a ring", "net-tx-bad-grant", Noxs, PACKETS),
        class(
            "block request flood",
            "block-flush-storm",
            Noxs,
            ("flushes", |stats| each(&stats.disks, |disk| disk.flushes)),
        ),
        class("console flood", "console-flood", Noxs, ("bytes", |stats| stats.console_bytes)),
        class("log flood", "log-flood", Noxs, ("records", |stats| stats.log_records)),
        class("store ring flood", "store-kinds", Facade, ("refusals", |stats| stats.refused)),
    ]
};

fn each(devices: &[DeviceStats], count: fn(&DeviceStats) -> u64) -> u64 {
    devices.iter().map(count).sum()
}

/// Packets that a guest sent or tried to.
fn packets(nic: &DeviceStats) -> u64 {
    nic.out_count + nic.out_dropped + nic.errors
}

const NETWORK: &str = "hostile";
const HOST: &str = "10.94.0.1/24";
const ATTACKER: &str = "attacker";
/// What an attack gets to come into its own.
const START: Duration = Duration::from_millis(300);
/// What it gets after that to use up what a guest may do at once.
const BURST: Duration = Duration::from_millis(1500);
/// Pings before anything is measured: the sender and the daemon are as they will be.
const WARM_UP: u16 = 150;
/// What Xen gets to clear the memory of one that is gone.
const END: Duration = Duration::from_millis(60);
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
    ping::times(bench.address, WARM_UP)?;
    let mut figures = vec![bench.beside("nobody", None)?];
    bench.start("panicky", "spin", ControlMode::None)?;
    figures.push(bench.beside("a guest that spins", None)?);
    for class in CLASSES {
        let words = format!("attack={} {FOR_EVER} idle", class.attack);
        bench.start("hostile", &words, class.control)?;
        figures.push(bench.beside(class.name, Some(class.trace))?);
    }
    figures.push(bench.beside("nobody, at the end", None)?);
    bench.client.destroy("neighbour")?;
    bench.client.delete_network(NETWORK)?;
    Ok(Value::Array(figures))
}

impl Bench<'_> {
    /// Pings beside the attacker, if there is one, and what the daemon counted of its `trace`
    /// meanwhile. Takes it away.
    fn beside(&self, name: &str, trace: Option<Trace>) -> Result<Value, Box<dyn Error>> {
        eprintln!("bench: {name}");
        sleep(START);
        self.await_steady();
        let domain = self.client.guest(ATTACKER).map_or(0, |info| info.summary.domid);
        let (before, usage) = (self.client.stats(ATTACKER).ok(), Usage::now(domain)?);
        let times = ping::times(self.address, self.rounds)?;
        let (usage, after) = (usage.since(domain, 1)?, self.client.stats(ATTACKER).ok());
        let _ = self.client.destroy(ATTACKER);
        sleep(END);
        let did = trace.map(|(what, count)| {
            let count = |stats: &Option<Stats>| stats.as_ref().map_or(0, count);
            json!({ "what": what, "count": count(&after).saturating_sub(count(&before)) })
        });
        let ms = Summary::of(times);
        Ok(json!({ "beside": name, "ms": ms, "did": did, "used": usage, "attacker": after }))
    }

    /// Waits until an attacker has used up what it may do at once.
    fn await_steady(&self) {
        if self.client.stats(ATTACKER).is_ok() {
            sleep(BURST);
        }
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
        "{:<24} {:>9} {:>9} {:>9}  {:<18} {:>6} {:>6}",
        "beside", "median us", "to idle", "to spin", "meanwhile", "its %", "dom0 %"
    );
    for figure in all {
        let us = median(figure);
        let change = |base: f64| (us / base - 1.0) * 100.0;
        let (name, did) = (figure["beside"].as_str().unwrap_or_default(), &figure["did"]);
        let did = match (did["count"].as_u64(), did["what"].as_str()) {
            (Some(0), _) => "NOTHING".to_owned(),
            (Some(count), Some(what)) => format!("{count} {what}"),
            _ => String::new(),
        };
        let used = |who: &str| figure["used"][who].as_f64().unwrap_or(f64::NAN);
        let share = |who| used(who) / used("elapsed_us") * 100.0;
        println!(
            "{name:<24} {us:>9.1} {:>+8.1}% {:>+8.1}%  {did:<18} {:>6.1} {:>6.1}",
            change(idle),
            change(spin),
            share("guest_us"),
            share("dom0_us"),
        );
    }
}

/// The classes whose attacker did nothing while it was measured: their figures mean nothing.
pub(crate) fn idle(figures: &Value) -> Vec<&str> {
    let all = figures.as_array().map_or(&[][..], Vec::as_slice);
    let idle = all.iter().filter(|figure| figure["did"]["count"] == 0);
    idle.filter_map(|figure| figure["beside"].as_str()).collect()
}
