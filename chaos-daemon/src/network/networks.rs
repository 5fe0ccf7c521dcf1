//! The networks of this host, and who is attached to them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::{IpNet, Ipv4Net};
use lightvm::api::{NetworkInfo, NetworkSpec, Uplink};
use lightvm::config::Nic;
use macaddr::MacAddr6;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::link::Links;
use super::members::{Members, Place};
use super::spec::{DEFAULT_MTU, check};
use super::store::{Record, Store};
use super::{NetworkError, nat, tap};
use crate::net::NetConfig;
use crate::switch::{Lease, NetworkId, Update};

/// What an interface with nothing named is attached to.
const DEFAULT_NETWORK: &str = "default";

/// What an interface is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attached {
    /// A network that was made by name.
    Network(String),
    /// A bridge of the host, through a network that exists as long as it is used.
    Bridge(String),
    /// A tap device of its own, likewise.
    Tap(String),
}

/// One network.
struct Network {
    id: u32,
    spec: NetworkSpec,
    tap: Option<String>,
    /// The tap was here before; it stays when the network goes.
    found: bool,
    members: Members,
}

struct State {
    next: u32,
    networks: BTreeMap<Attached, Network>,
}

/// Tells a shard of a change.
type Tell = Box<dyn Fn(usize, Update) + Send + Sync>;

/// The networks of this host.
pub struct Networks {
    state: Mutex<State>,
    links: Links,
    store: Store,
    shards: usize,
    tell: Tell,
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networks").field("shards", &self.shards).finish_non_exhaustive()
    }
}

/// The MAC address of the host's end of a network. A bridge takes the lowest address
/// among its ports for its own: this one is never the lowest.
fn host_mac(id: u32) -> MacAddr6 {
    let [_, a, b, c] = id.to_be_bytes();
    MacAddr6::new(0xfe, 0x16, 0x3e, a, b, c)
}

/// The name of a network's tap; at most 15 bytes, as Linux has it.
fn tap_name(attached: &Attached, id: u32) -> String {
    match attached {
        Attached::Tap(name) => name.clone(),
        Attached::Network(name) if name.len() <= 11 => format!("lvm-{name}"),
        Attached::Network(_) | Attached::Bridge(_) => format!("lvm.{id}"),
    }
}

/// The description of a network that nobody described.
fn implied(attached: &Attached) -> NetworkSpec {
    let (name, uplink) = match attached {
        Attached::Bridge(bridge) => (bridge, Uplink::Bridge { bridge: bridge.clone() }),
        Attached::Network(name) | Attached::Tap(name) => (name, Uplink::None),
    };
    NetworkSpec { name: name.clone(), uplink, subnet4: None, subnet6: None, dhcp: false, mtu: None }
}

fn attached(nic: &Nic) -> Attached {
    let Nic { network, bridge, tap, .. } = nic;
    match (network, bridge, tap) {
        (Some(network), ..) => Attached::Network(network.clone()),
        (_, Some(bridge), _) => Attached::Bridge(bridge.clone()),
        (.., Some(tap)) => Attached::Tap(tap.clone()),
        _ => Attached::Network(DEFAULT_NETWORK.to_owned()),
    }
}

impl Networks {
    /// Takes up the networks kept in `folder`. `tell` hands a shard, of `shards`, a change.
    /// To be called in a tokio runtime.
    ///
    /// # Errors
    /// When `folder` or the kernel's configuration cannot be reached. A network that cannot
    /// be taken up is named in the log and has no uplink.
    pub async fn open(
        folder: &Path,
        shards: usize,
        tell: impl Fn(usize, Update) + Send + Sync + 'static,
    ) -> Result<Networks, NetworkError> {
        let store = Store::open(folder)?;
        let records = store.load()?;
        let next = records.iter().map(|record| record.id + 1).max().unwrap_or(1);
        let state = Mutex::new(State { next, networks: BTreeMap::new() });
        let networks =
            Networks { state, links: Links::open()?, store, shards, tell: Box::new(tell) };
        let mut state = networks.state.lock().await;
        for Record { id, spec } in records {
            let key = Attached::Network(spec.name.clone());
            let network = match networks.up(&key, id, spec.clone()).await {
                Ok(network) => network,
                Err(e) => {
                    tracing::error!("network `{}`: {e}", spec.name);
                    Network { id, spec, tap: None, found: false, members: Members::default() }
                }
            };
            state.networks.insert(key, network);
        }
        drop(state);
        Ok(networks)
    }

    /// Makes a network.
    ///
    /// # Errors
    /// When the description cannot be carried out; nothing is left behind then.
    pub async fn create(&self, spec: NetworkSpec) -> Result<NetworkInfo, NetworkError> {
        check(&spec)?;
        let mut state = self.state.lock().await;
        let key = Attached::Network(spec.name.clone());
        if state.networks.contains_key(&key) {
            return Err(NetworkError::Taken(spec.name));
        }
        let network = self.up(&key, state.next, spec).await?;
        let record = Record { id: network.id, spec: network.spec.clone() };
        if let Err(e) = self.store.save(&record) {
            self.down(&network).await?;
            return Err(e);
        }
        state.next += 1;
        let info = network.info();
        state.networks.insert(key, network);
        Ok(info)
    }

    /// The networks that were made by name.
    pub async fn list(&self) -> Vec<NetworkInfo> {
        let state = self.state.lock().await;
        let made = state.networks.iter().filter(|(key, _)| matches!(key, Attached::Network(_)));
        made.map(|(_, network)| network.info()).collect()
    }

    /// Removes a network and all it made on the host.
    ///
    /// # Errors
    /// When there is none of this name or interfaces are attached to it.
    pub async fn delete(&self, name: &str) -> Result<(), NetworkError> {
        let mut state = self.state.lock().await;
        let key = Attached::Network(name.to_owned());
        let network =
            state.networks.get(&key).ok_or_else(|| NetworkError::NotFound(name.to_owned()))?;
        let ports = network.members.len();
        if ports > 0 {
            return Err(NetworkError::InUse { name: name.to_owned(), ports });
        }
        self.down(network).await?;
        self.store.remove(name)?;
        state.networks.remove(&key);
        Ok(())
    }

    /// Attaches interface `nth` of a guest as `nic` says, with all that it leaves open
    /// chosen.
    ///
    /// # Errors
    /// When there is no such network, or an address is taken or not the network's.
    pub async fn plug(&self, guest: Uuid, nth: u8, nic: &Nic) -> Result<NetConfig, NetworkError> {
        let mut state = self.state.lock().await;
        let key = attached(nic);
        let id = state.next;
        let network = self.find(&mut state, &key, id).await?;
        let chosen = network.members.add((guest, nth), nic, &network.spec);
        let config = chosen.map(|(mac, addresses)| network.config(&key, nic, mac, addresses));
        if config.is_err() {
            self.tidy(&mut state, &key).await;
        }
        config
    }

    /// Attaches an interface again after a restart of the daemon.
    ///
    /// # Errors
    /// When its network is gone and cannot be made again.
    pub async fn replug(
        &self,
        guest: Uuid,
        nth: u8,
        config: &NetConfig,
    ) -> Result<(), NetworkError> {
        let mut state = self.state.lock().await;
        let network = self.find(&mut state, &config.attached, config.network.0).await?;
        network.found = config.keep_tap;
        network.members.adopt((guest, nth), config);
        Ok(())
    }

    /// Forgets an interface; one that is not attached is no error.
    pub async fn unplug(&self, guest: Uuid, nth: u8) {
        let mut state = self.state.lock().await;
        let place: Place = (guest, nth);
        let mut networks = state.networks.iter_mut();
        let found =
            networks.find_map(|(key, network)| network.members.remove(place).then(|| key.clone()));
        if let Some(key) = found {
            self.tidy(&mut state, &key).await;
        }
    }

    /// The network of `key`, made with number `id` if it is one that need not be there.
    async fn find<'a>(
        &self,
        state: &'a mut State,
        key: &Attached,
        id: u32,
    ) -> Result<&'a mut Network, NetworkError> {
        if let Attached::Network(name) = key {
            let network = state.networks.get_mut(key);
            return network.ok_or_else(|| NetworkError::NotFound(name.clone()));
        }
        if !state.networks.contains_key(key) {
            let network = self.up(key, id, implied(key)).await?;
            state.next = state.next.max(id + 1);
            state.networks.insert(key.clone(), network);
        }
        Ok(state.networks.get_mut(key).expect("just made"))
    }

    /// Removes a network that nobody made once nobody uses it.
    async fn tidy(&self, state: &mut State, key: &Attached) {
        let implied = !matches!(key, Attached::Network(_));
        if let Some(network) = state.networks.get(key)
            && implied
            && network.members.len() == 0
        {
            if let Err(e) = self.down(network).await {
                tracing::warn!("network `{}`: {e}", network.spec.name);
            }
            state.networks.remove(key);
        }
    }

    /// Makes a network's way to the host and opens it on every shard.
    async fn up(
        &self,
        key: &Attached,
        id: u32,
        spec: NetworkSpec,
    ) -> Result<Network, NetworkError> {
        let has_tap = spec.uplink != Uplink::None || matches!(key, Attached::Tap(_));
        let name = has_tap.then(|| tap_name(key, id));
        let mut network =
            Network { id, spec, tap: name, found: false, members: Members::default() };
        let mut queues = Vec::new();
        if let Some(name) = network.tap.clone() {
            if let Uplink::Bridge { bridge } = &network.spec.uplink {
                self.links.index(bridge).await?;
            }
            network.found =
                matches!(key, Attached::Tap(_)) && self.links.index(&name).await.is_ok();
            queues = tap::open(&name, self.shards)?;
            if let Err(e) = self.set_up(&network, &name).await {
                let _ = self.down(&network).await;
                return Err(e);
            }
        }
        let mut queues = queues.into_iter();
        for shard in 0..self.shards {
            (self.tell)(shard, Update::Open(NetworkId(id), queues.next()));
        }
        Ok(network)
    }

    async fn set_up(&self, network: &Network, name: &str) -> Result<(), NetworkError> {
        let Network { id, spec, found, .. } = network;
        let mac = (!found).then(|| host_mac(*id));
        if network.routed() {
            nat::ask_no_router(name);
        }
        self.links.set_up(name, mac, spec.mtu.unwrap_or(DEFAULT_MTU)).await?;
        match &spec.uplink {
            Uplink::None => Ok(()),
            Uplink::Bridge { bridge } => self.links.join(name, bridge).await,
            Uplink::Routed { nat } => {
                let subnets = [spec.subnet4.map(IpNet::V4), spec.subnet6.map(IpNet::V6)];
                for net in subnets.into_iter().flatten() {
                    self.links.add_address(name, net).await?;
                }
                nat::forward(spec)?;
                if *nat { nat::masquerade(*id, spec, name) } else { Ok(()) }
            }
        }
    }

    /// Removes what [`Networks::up`] has made.
    async fn down(&self, network: &Network) -> Result<(), NetworkError> {
        for shard in 0..self.shards {
            (self.tell)(shard, Update::Close(NetworkId(network.id)));
        }
        if network.spec.uplink == (Uplink::Routed { nat: true }) {
            nat::remove(network.id)?;
        }
        match &network.tap {
            Some(name) if !network.found => self.links.delete(name).await,
            _ => Ok(()),
        }
    }
}

impl Network {
    fn info(&self) -> NetworkInfo {
        NetworkInfo {
            spec: self.spec.clone(),
            interface: self.tap.clone(),
            ports: u32::try_from(self.members.len()).unwrap_or(u32::MAX),
        }
    }

    fn routed(&self) -> bool {
        matches!(self.spec.uplink, Uplink::Routed { .. })
    }

    fn config(&self, key: &Attached, nic: &Nic, mac: MacAddr6, addresses: Vec<IpNet>) -> NetConfig {
        let own4 = self.spec.subnet4.filter(|_| self.routed()).map(|net| net.addr());
        let own6 = self.spec.subnet6.filter(|_| self.routed()).map(|net| net.addr());
        let gateway4 = nic.gateway4.or(own4);
        let mtu = nic.mtu.or(self.spec.mtu).unwrap_or(DEFAULT_MTU);
        let lease = self.lease(&addresses, gateway4, mtu);
        NetConfig {
            attached: key.clone(),
            keep_tap: self.found,
            network: NetworkId(self.id),
            mac,
            addresses,
            gateway4,
            gateway6: nic.gateway6.or(own6),
            mtu,
            pinned: nic.pinned,
            rate: nic.rate,
            lease,
        }
    }

    fn lease(&self, addresses: &[IpNet], gateway: Option<Ipv4Addr>, mtu: u16) -> Option<Lease> {
        let subnet: Ipv4Net = self.spec.subnet4.filter(|_| self.spec.dhcp)?;
        let own = addresses.iter().find_map(|net| match net {
            IpNet::V4(net) => Some(*net),
            IpNet::V6(_) => None,
        })?;
        Some(Lease {
            address: own.addr(),
            prefix: subnet.prefix_len(),
            gateway,
            name_servers: if self.routed() { name_servers() } else { Vec::new() },
            mtu,
            server: subnet.addr(),
            server_mac: host_mac(self.id),
        })
    }
}

/// The host's name servers, as far as guests can reach them.
fn name_servers() -> Vec<Ipv4Addr> {
    const MOST: usize = 3;
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers =
        text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok());
    let reachable = servers.filter_map(|address| match address {
        IpAddr::V4(v4) if !v4.is_loopback() => Some(v4),
        _ => None,
    });
    reachable.take(MOST).collect()
}
