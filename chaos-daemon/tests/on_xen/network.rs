//! Networks on the host: taps, bridges, addresses, translation; made and removed.

use std::net::IpAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chaos_daemon::net::NetConfig;
use chaos_daemon::network::{NetworkError, Networks};
use chaos_daemon::shard::{DeviceId, GuestId};
use chaos_daemon::switch::{Abilities, Fabric, PortId, PortSpec, Update, seeds};
use lightvm::api::{NetworkSpec, Uplink};
use lightvm::config::Nic;
use macaddr::MacAddr6;
use nix::sys::epoll::{Epoll, EpollCreateFlags};
use uuid::Uuid;

/// What a program of the host's prints; it must succeed.
fn run(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().expect("sh");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn links() -> String {
    run("ip -br link | awk '{print $1}' | sort")
}

/// A runtime, and networks that tell a fabric of one shard.
struct Host {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    updates: Arc<Mutex<Vec<Update>>>,
    fabric: Fabric,
}

impl Host {
    fn new() -> Host {
        let poll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        Host {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            updates: Arc::default(),
            fabric: Fabric::new(seeds(1).unwrap().remove(0), poll.into()).unwrap(),
        }
    }

    fn networks(&self) -> Networks {
        let updates = Arc::clone(&self.updates);
        let tell = move |_, update| updates.lock().unwrap().push(update);
        self.runtime.block_on(Networks::open(self.folder.path(), 1, tell)).unwrap()
    }

    /// A port of a guest of its own in a network.
    fn port(&mut self, networks: &Networks, network: &str) -> (PortId, NetConfig) {
        let nic = Nic { network: Some(network.into()), ..Nic::default() };
        let made = self.runtime.block_on(networks.plug(Uuid::from_u128(1), 0, &nic)).unwrap();
        let port = PortSpec {
            network: made.network,
            device: DeviceId { guest: GuestId { index: 0, epoch: 0 }, slot: 1 },
            mac: made.mac,
            addresses: made.addresses.iter().map(ipnet::IpNet::addr).collect(),
            pinned: true,
            lease: None,
        };
        let port = self.fabric.add_port(port, Instant::now()).unwrap();
        self.fabric.set_abilities(port, Abilities::ALL);
        (port, made)
    }

    /// Does for a millisecond what the guest at `port` would, which shows all it gets to `see`.
    fn answer_all(&mut self, port: PortId, mac: MacAddr6, mut see: impl FnMut(&[u8])) {
        self.fabric.turn(Instant::now());
        while let Some(packet) = self.fabric.pop(port) {
            see(packet.frame());
            if let Some(answer) = answer(packet.frame(), mac) {
                self.send(port, &answer);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    fn send(&mut self, port: PortId, frame: &[u8]) {
        let packet = self.fabric.pool().packet_of(frame);
        self.fabric.input(port, packet, Instant::now());
    }

    /// Has the fabric learn what it was told.
    fn settle(&mut self) {
        for update in self.updates.lock().unwrap().drain(..) {
            self.fabric.apply(update);
        }
    }
}

fn spec(name: &str, uplink: Uplink, subnet: Option<&str>) -> NetworkSpec {
    NetworkSpec {
        name: name.into(),
        uplink,
        subnet4: subnet.map(|net| net.parse().unwrap()),
        subnet6: None,
        dhcp: false,
        mtu: None,
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn all_that_is_made_is_removed() {
    run("ip link del brtest 2>/dev/null; ip link add brtest type bridge && ip link set brtest up");
    let before = links();
    let mut host = Host::new();
    let networks = host.networks();
    let create = |spec| host.runtime.block_on(networks.create(spec));
    create(spec("web", Uplink::Routed { nat: true }, Some("10.77.0.1/24"))).unwrap();
    create(spec("lan", Uplink::Bridge { bridge: "brtest".into() }, None)).unwrap();
    create(spec("lab", Uplink::None, None)).unwrap();
    assert!(run("ip -4 addr show dev lvm-web").contains("10.77.0.1/24"));
    assert!(run("ip link show master brtest").contains("lvm-lan"));
    assert!(run("nft list ruleset").contains("10.77.0.0/24"));
    assert_eq!(run("cat /proc/sys/net/ipv4/ip_forward").trim(), "1");

    let missing = spec("bad", Uplink::Bridge { bridge: "brnone".into() }, None);
    assert!(matches!(create(missing), Err(NetworkError::NoDevice(_))));
    let again = spec("lab", Uplink::None, None);
    assert!(matches!(create(again), Err(NetworkError::Taken(_))));

    let guest = Uuid::from_u128(7);
    let nic = Nic { tap: Some("tapown".into()), ..Nic::default() };
    host.runtime.block_on(networks.plug(guest, 0, &nic)).unwrap();
    let nic = Nic { bridge: Some("brtest".into()), ..Nic::default() };
    host.runtime.block_on(networks.plug(guest, 1, &nic)).unwrap();
    let nic = Nic { network: Some("web".into()), ..Nic::default() };
    let config = host.runtime.block_on(networks.plug(guest, 2, &nic)).unwrap();
    assert_eq!(config.gateway4, Some("10.77.0.1".parse().unwrap()));
    let refused = host.runtime.block_on(networks.delete("web"));
    assert!(matches!(refused, Err(NetworkError::InUse { ports: 1, .. })));

    // The daemon is killed and comes again.
    host.updates.lock().unwrap().clear();
    drop(networks);
    let networks = host.networks();
    assert_eq!(host.runtime.block_on(networks.list()).len(), 3);
    host.runtime.block_on(networks.replug(guest, 2, &config)).unwrap();
    host.settle();

    for nth in 0..3 {
        host.runtime.block_on(networks.unplug(guest, nth));
    }
    for name in ["web", "lan", "lab"] {
        host.runtime.block_on(networks.delete(name)).unwrap();
    }
    host.settle();
    run("ip link del tapown 2>/dev/null; ip link del lvm.5 2>/dev/null; true");
    let after = links();
    assert_eq!(after, before);
    assert!(!run("nft list ruleset").contains("lightvm"));
    run("ip link del brtest");
}

/// What a guest would do is done by hand: an answer to ARP and to a ping.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_host_reaches_a_port_through_the_tap() {
    let mut host = Host::new();
    let networks = host.networks();
    let web = spec("web", Uplink::Routed { nat: false }, Some("10.78.0.1/24"));
    host.runtime.block_on(networks.create(web)).unwrap();
    host.settle();
    let (port, config) = host.port(&networks, "web");

    let target = config.addresses[0].addr();
    let mut ping = Command::new("ping")
        .args(["-c", "3", "-i", "0.2", "-w", "5", &target.to_string()])
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(8);
    while ping.try_wait().unwrap().is_none() && Instant::now() < end {
        host.answer_all(port, config.mac, |_| ());
    }
    let status = ping.wait().unwrap();
    let counters = host.fabric.counters(port).unwrap();
    host.runtime.block_on(networks.unplug(Uuid::from_u128(1), 0));
    host.runtime.block_on(networks.delete("web")).unwrap();
    assert!(status.success(), "{counters:?}");
    assert!(counters.sent_packets >= 4 && counters.spoofed.total() == 0, "{counters:?}");
}

/// A host outside that knows no way to the guests' addresses answers what comes with the host's.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn what_leaves_is_translated_and_answers_come_back() {
    const OUTSIDE: [u8; 4] = [192, 0, 2, 2];
    run("ip netns del outside 2>/dev/null; ip netns add outside && \
         ip link add lvmout type veth peer name inside netns outside && \
         ip addr add 192.0.2.1/24 dev lvmout && ip link set lvmout up && \
         ip -n outside addr add 192.0.2.2/24 dev inside && ip -n outside link set inside up");
    let mut host = Host::new();
    let networks = host.networks();
    let spec = spec("nat", Uplink::Routed { nat: true }, Some("10.79.0.1/24"));
    host.runtime.block_on(networks.create(spec)).unwrap();
    host.settle();
    let (port, config) = host.port(&networks, "nat");
    let gateway: MacAddr6 = run("cat /sys/class/net/lvm-nat/address").trim().parse().unwrap();
    let IpAddr::V4(own) = config.addresses[0].addr() else { panic!("an IPv4 address") };
    let request = echo_request((config.mac, own.octets()), (gateway, OUTSIDE));
    let (end, mut answered) = (Instant::now() + Duration::from_secs(10), false);
    while !answered && Instant::now() < end {
        host.send(port, &request);
        for _ in 0..50 {
            host.answer_all(port, config.mac, |frame| {
                let is_reply = frame[12..14] == [8, 0] && frame[23] == 1 && frame[34] == 0;
                answered |= is_reply && frame[26..30] == OUTSIDE && frame[30..34] == own.octets();
            });
        }
    }
    let counters = host.fabric.counters(port).unwrap();
    host.runtime.block_on(networks.unplug(Uuid::from_u128(1), 0));
    host.runtime.block_on(networks.delete("nat")).unwrap();
    run("ip link del lvmout; ip netns del outside");
    assert!(answered, "{counters:?}");
}

/// An ICMP echo request in an Ethernet frame, from one MAC and IPv4 address to another.
fn echo_request(from: (MacAddr6, [u8; 4]), to: (MacAddr6, [u8; 4])) -> Vec<u8> {
    let mut frame = [to.0.as_bytes(), from.0.as_bytes(), &[8, 0]].concat();
    let mut ip = [&[0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0][..], &from.1, &to.1].concat();
    let mut icmp = [8, 0, 0, 0, 0x12, 0x34, 0, 1];
    for (header, at) in [(&mut ip[..], 10), (&mut icmp[..], 2)] {
        let words = header.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
        let sum: u32 = words.sum();
        let [_, _, sum @ ..] = (!((sum & 0xffff) + (sum >> 16))).to_be_bytes();
        header[at..at + 2].copy_from_slice(&sum);
    }
    frame.extend(ip);
    frame.extend(icmp);
    frame
}

/// The answer to an ARP request or an ICMP echo request.
fn answer(frame: &[u8], own: MacAddr6) -> Option<Vec<u8>> {
    let mut answer = frame.to_vec();
    answer[..6].copy_from_slice(&frame[6..12]);
    answer[6..12].copy_from_slice(own.as_bytes());
    match (frame[12], frame[13]) {
        (8, 6) => {
            answer[21] = 2;
            answer[22..28].copy_from_slice(own.as_bytes());
            answer[28..32].copy_from_slice(&frame[38..42]);
            answer[32..42].copy_from_slice(&frame[22..32]);
        }
        (8, 0) if frame[23] == 1 && frame[34] == 8 => {
            answer[26..30].copy_from_slice(&frame[30..34]);
            answer[30..34].copy_from_slice(&frame[26..30]);
            answer[34] = 0;
            // The checksum grows by what the type shrank.
            let sum = u16::from_be_bytes([frame[36], frame[37]]);
            let (sum, carry) = sum.overflowing_add(0x0800);
            answer[36..38].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        }
        _ => return None,
    }
    Some(answer)
}
