//! From a native guest's first instruction to its first packet on the host's side of the switch.
//!
//! The guest is created paused; the time runs from just before the unpause until dom0's kernel
//! got the guest's first packet from the switch (its own time stamp), so it has the unpause in it.

use std::error::Error;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use lightvm::api::{CreateRequest, DEFAULT_SOCKET, Wait};
use lightvm::client::Client;
use lightvm::config::{GuestConfig, Nic};
use lightvm::xen::{DomId, Xen};
use lightvm_bench::Summary;
use macaddr::MacAddr6;
use nix::sys::socket::sockopt::{ReceiveTimeout, ReceiveTimestampns};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket,
};
use nix::sys::time::{TimeSpec, TimeVal};
use nix::time::ClockId;
use serde_json::{Value, json};

const WARM_UP: u32 = 2;
/// The clock of the kernel's time stamps.
const CLOCK: ClockId = ClockId::CLOCK_REALTIME;
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
        let socket = listen()?;
        sleep(REST);
        let time = first_packet(&socket, &xen, DomId(guest.domid))?;
        client.destroy_and_wait(guest.name.as_str())?;
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

fn first_packet(socket: &OwnedFd, xen: &Xen, domain: DomId) -> Result<Duration, Box<dyn Error>> {
    let start = CLOCK.now()?;
    xen.unpause_domain(domain)?;
    loop {
        let (source, at) = receive(socket)?;
        if source == MAC && at > start {
            return Ok((at - start).into());
        }
    }
}

/// Every packet of every interface of the host, with the time when it came.
fn listen() -> io::Result<OwnedFd> {
    let (family, flags) = (AddressFamily::Packet, SockFlag::SOCK_CLOEXEC);
    let socket = socket(family, SockType::Raw, flags, SockProtocol::EthAll)?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::new(10, 0))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// The source of the next packet, and when it came.
fn receive(socket: &OwnedFd) -> io::Result<(MacAddr6, TimeSpec)> {
    let mut frame = [0; 64];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(&mut frame)];
    let flags = MsgFlags::empty();
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let at = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(at) => Some(at),
        _ => None,
    });
    let at = at.ok_or_else(|| io::Error::other("a packet without its time"))?;
    let [_, _, _, _, _, _, a, b, c, d, e, f, ..] = frame;
    Ok((MacAddr6::new(a, b, c, d, e, f), at))
}
