//! From a native guest's first instruction to its first packet on the host's side of the switch.
//!
//! The guest is created paused; the time runs from just before the unpause until this program
//! has read the guest's first packet, so it has the unpause and this program's waking in it.

use std::error::Error;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lightvm::api::{CreateRequest, DEFAULT_SOCKET, Wait};
use lightvm::client::Client;
use lightvm::config::{GuestConfig, Nic};
use lightvm::xen::{DomId, Xen};
use lightvm_bench::Summary;
use macaddr::MacAddr6;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

const WARM_UP: u32 = 2;
const REST: Duration = Duration::from_millis(20);
/// Of the guest, so that its packets are known.
const MAC: MacAddr6 = MacAddr6::new(0, 0x16, 0x3e, 0, 0, 0x77);

/// `rounds` guests from the configuration at `path`.
pub(crate) fn run(path: &Path, rounds: u32) -> Result<Value, Box<dyn Error>> {
    let config = config(path)?;
    let client = Client::connect(DEFAULT_SOCKET)?;
    let xen = Xen::open()?;
    let mut times = Vec::new();
    for round in 0..WARM_UP + rounds {
        sleep(REST);
        let request = CreateRequest {
            config: config.clone(),
            wait: Wait::None,
            timeout_ms: None,
            paused: true,
        };
        let guest = client.create(&request)?.guest;
        sleep(REST);
        let time = first_packet(&xen, DomId(guest.domid))?;
        client.destroy(guest.name.as_str())?;
        if round >= WARM_UP {
            times.push(time);
        }
    }
    Ok(json!({ "ms": Summary::of(times) }))
}

fn config(path: &Path) -> Result<GuestConfig, Box<dyn Error>> {
    let config = GuestConfig::load(path)?.config;
    let mut value = serde_json::to_value(&config)?;
    let nics: Vec<Nic> =
        config.nics().iter().cloned().map(|nic| Nic { mac: Some(MAC), ..nic }).collect();
    value["nic"] = serde_json::to_value(nics)?;
    Ok(serde_json::from_value(value)?)
}

fn first_packet(xen: &Xen, domain: DomId) -> Result<Duration, Box<dyn Error>> {
    let socket = listen()?;
    let start = Instant::now();
    xen.unpause_domain(domain)?;
    loop {
        let mut frame = [0; 2048];
        let (len, _) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut frame)?;
        if frame[..len].get(6..12) == Some(MAC.as_bytes()) {
            return Ok(start.elapsed());
        }
    }
}

/// Every packet of every interface of the host.
fn listen() -> io::Result<OwnedFd> {
    let (family, flags) = (AddressFamily::Packet, SockFlag::SOCK_CLOEXEC);
    let socket = socket(family, SockType::Raw, flags, SockProtocol::EthAll)?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::new(10, 0))?;
    Ok(socket)
}
