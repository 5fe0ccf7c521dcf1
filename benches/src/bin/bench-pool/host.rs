//! The daemon that is measured, and the guests it is asked for.

use std::error::Error;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lightvm::api::{Built, CreateAnswer, CreateRequest, DEFAULT_SOCKET, Wait};
use lightvm::client::Client;
use lightvm::config::{GuestConfig, GuestOverrides, GuestType, MemSize, Nic};

/// MiB of every guest, as in the flavours of `benches/pool.sh`.
const MEMORY: u64 = 2;
/// Rest before each round: what Xen and the pool put off is not booked on the next.
pub(crate) const REST: Duration = Duration::from_millis(10);
/// The longest wait for the pool.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon, through one client.
pub(crate) struct Host {
    pub(crate) client: Client,
    /// The image of its guests.
    config: GuestConfig,
}

/// A guest that was created.
pub(crate) struct Made {
    pub(crate) answer: CreateAnswer,
    /// From the client's call to its answer.
    pub(crate) time: Duration,
}

impl Host {
    /// Guests of `kernel`, each with an interface when there is a network.
    pub(crate) fn open(kernel: &Path, network: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let client = Client::connect(DEFAULT_SOCKET)?;
        let nic = |name: &str| Nic { network: Some(name.to_owned()), ..Nic::default() };
        let overrides = GuestOverrides {
            kernel: Some(kernel.to_owned()),
            memory: Some(MemSize::from_mib(MEMORY)?),
            guest_type: Some(GuestType::Pvh),
            nic: network.map(|name| vec![nic(name)]),
            ..Default::default()
        };
        Ok(Host { client, config: GuestConfig::from_overrides(overrides)?.config })
    }

    /// Creates a guest.
    pub(crate) fn create(&self, name: &str, wait: Wait) -> Result<Made, Box<dyn Error>> {
        let config = self.config.clone().with_name(name.parse()?);
        let request = CreateRequest { config, wait, timeout_ms: None, paused: false };
        let start = Instant::now();
        let answer = self.client.create(&request)?;
        Ok(Made { answer, time: start.elapsed() })
    }

    /// Waits until at least `count` loaded shells of its guests wait, and nothing is on its way.
    pub(crate) fn settle(&self, count: u32) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + PATIENCE;
        let nics = self.config.nics().len();
        loop {
            let pool = self.client.pool()?;
            let ours = pool.flavours.iter().filter(|f| {
                f.kernel.as_deref() == Some(self.config.kernel()) && usize::from(f.nics) == nics
            });
            let ready: u32 = ours.map(|flavour| flavour.ready).sum();
            if ready >= count && pool.returning == 0 {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("the pool has {ready} shells, not {count}").into());
            }
            sleep(REST);
        }
    }
}

/// How many of `made` came of a loaded shell.
pub(crate) fn loaded(made: &[Made]) -> usize {
    made.iter().filter(|made| made.answer.built == Built::Loaded).count()
}
