//! How many guests a host holds: all live at once, all answer a ping, and when they are gone the
//! memory is back.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lightvm::api::{BatchResult, CreateAnswer, CreateRequest, DEFAULT_SOCKET, Wait};
use lightvm::client::Client;
use lightvm::config::{GuestConfig, GuestOverrides, GuestType, MemSize, Nic};
use lightvm::xen::Xen;
use lightvm_bench::{Summary, ping};
use serde_json::{Value, json};

/// KiB of every guest: what the image, its stack and its page tables need, and a little more.
const MEMORY: u64 = 1280;
/// Guests of a request: what comes of them shows as progress.
const BATCH: u32 = 100;
/// The longest wait for memory to come back.
const PATIENCE: Duration = Duration::from_secs(600);
/// What Xen may keep of a host's memory for its own use.
const KEPT: u64 = 16 << 20;

/// A host that is being filled.
struct Crowd {
    client: Client,
    xen: Arc<Xen>,
    config: GuestConfig,
}

/// Creates `guests` with console and network, pings each, destroys them all.
pub(crate) fn run(kernel: &Path, network: &str, guests: u32) -> Result<Value, Box<dyn Error>> {
    let crowd = Crowd::open(kernel, network)?;
    let (free, began) = (crowd.free()?, Instant::now());
    let (made, batches) = crowd.fill(guests)?;
    let (filled, creating) = (crowd.free()?, began.elapsed());
    let times = made.iter().map(ping_one).collect::<Result<Vec<_>, _>>()?;
    let living = crowd.client.host()?.guests;
    let began = Instant::now();
    crowd.empty(&made, free)?;
    let guest_kib = (free - filled) / 1024 / u64::from(guests);
    let ms_each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(guests);
    let (first, last) = (batches.first(), batches.last());
    Ok(json!({
        "guests": guests, "living": living, "answered": times.len(), "ping": Summary::of(times),
        "create_ms": ms_each(creating), "create_first_ms": first, "create_last_ms": last,
        "destroy_ms": ms_each(began.elapsed()),
        "guest_kib": guest_kib, "missing_kib": free.saturating_sub(crowd.free()?) / 1024,
    }))
}

fn ping_one(made: &CreateAnswer) -> Result<Duration, Box<dyn Error>> {
    let name = &made.guest.name;
    let address = made.guest.addresses.iter().find_map(|address| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    });
    let address: Ipv4Addr = address.ok_or_else(|| format!("{name} has no address"))?;
    ping::first(address).map_err(|e| format!("{name}, {address}: {e}").into())
}

impl Crowd {
    fn open(kernel: &Path, network: &str) -> Result<Crowd, Box<dyn Error>> {
        let overrides = GuestOverrides {
            kernel: Some(kernel.to_owned()),
            memory: Some(MemSize::from_kib(MEMORY)?),
            // Xen needs no page tables of its own for them.
            guest_type: Some(GuestType::Pv),
            nic: Some(vec![Nic { network: Some(network.to_owned()), ..Nic::default() }]),
            ..Default::default()
        };
        let config = GuestConfig::from_overrides(overrides)?.config;
        Ok(Crowd { client: Client::connect(DEFAULT_SOCKET)?, xen: Xen::open()?, config })
    }

    /// Bytes of the host that nobody has.
    fn free(&self) -> Result<u64, Box<dyn Error>> {
        Ok(self.xen.host()?.free_memory)
    }

    fn request(&self, number: u32) -> Result<CreateRequest, Box<dyn Error>> {
        let config = self.config.clone().with_name(format!("crowd-{number}").parse()?);
        Ok(CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false })
    }

    /// Creates them all. Answers too what a guest of each batch took, in ms.
    fn fill(&self, guests: u32) -> Result<(Vec<CreateAnswer>, Vec<f64>), Box<dyn Error>> {
        let (mut made, mut batches) = (Vec::new(), Vec::new());
        for first in (0..guests).step_by(BATCH as usize) {
            let numbers = first..guests.min(first + BATCH);
            let count = f64::from(guests.min(first + BATCH) - first);
            let requests = numbers.map(|n| self.request(n)).collect::<Result<_, _>>()?;
            let began = Instant::now();
            let results = self.client.create_many(requests)?;
            batches.push(began.elapsed().as_secs_f64() * 1e3 / count);
            for result in results {
                match result {
                    BatchResult::Created(answer) => made.push(*answer),
                    BatchResult::Error(e) => {
                        return Err(format!("after {}: {e:?}", made.len()).into());
                    }
                }
            }
            if made.len() % 1000 < BATCH as usize {
                eprintln!("bench: {} guests", made.len());
            }
        }
        Ok((made, batches))
    }

    /// Destroys them all and waits until the host has its memory back.
    fn empty(&self, made: &[CreateAnswer], free: u64) -> Result<(), Box<dyn Error>> {
        for answer in made {
            self.client.destroy(answer.guest.name.as_str())?;
        }
        eprintln!("bench: destroyed");
        let end = Instant::now() + PATIENCE;
        while self.free()? + KEPT < free && Instant::now() < end {
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}
