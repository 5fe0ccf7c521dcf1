//! Who is attached to a network, and which addresses are left.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use lightvm::api::NetworkSpec;
use lightvm::config::Nic;
use macaddr::MacAddr6;
use uuid::Uuid;

use super::NetworkError;
use crate::net::NetConfig;
use crate::switch::frame::is_group;

/// An interface: a guest and its number among the guest's.
pub(super) type Place = (Uuid, u8);

/// The interfaces of one network.
#[derive(Debug, Default)]
pub(super) struct Members {
    members: BTreeMap<Place, (MacAddr6, Vec<IpNet>)>,
    macs: BTreeSet<[u8; 6]>,
    addresses: BTreeSet<IpAddr>,
    /// The host part of the address given out last: addresses come round late.
    last: u32,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Chooses what `nic` leaves open and takes note of it.
    pub(super) fn add(
        &mut self,
        place: Place,
        nic: &Nic,
        spec: &NetworkSpec,
    ) -> Result<(MacAddr6, Vec<IpNet>), NetworkError> {
        self.remove(place);
        let mac = self.mac(place, nic)?;
        let addresses = self.choose(nic, spec)?;
        self.insert(place, mac, addresses.clone());
        Ok((mac, addresses))
    }

    /// Takes note of an interface that is there already.
    pub(super) fn adopt(&mut self, place: Place, config: &NetConfig) {
        self.remove(place);
        self.insert(place, config.mac, config.addresses.clone());
    }

    fn insert(&mut self, place: Place, mac: MacAddr6, addresses: Vec<IpNet>) {
        self.macs.insert(mac.into_array());
        self.addresses.extend(addresses.iter().map(IpNet::addr));
        self.members.insert(place, (mac, addresses));
    }

    /// Forgets an interface; answers whether it was there.
    pub(super) fn remove(&mut self, place: Place) -> bool {
        let Some((mac, addresses)) = self.members.remove(&place) else { return false };
        self.macs.remove(&mac.into_array());
        for address in addresses {
            self.addresses.remove(&address.addr());
        }
        true
    }

    fn mac(&self, place: Place, nic: &Nic) -> Result<MacAddr6, NetworkError> {
        let free = |mac: &MacAddr6| !self.macs.contains(&mac.into_array());
        match nic.mac {
            Some(mac) if is_group(mac) => Err(NetworkError::MacGroup(mac)),
            Some(mac) if !free(&mac) => Err(NetworkError::MacTaken(mac)),
            Some(mac) => Ok(mac),
            None => Ok((0..).map(|n| generate(place, n)).find(free).expect("2^24 tries")),
        }
    }

    fn choose(&mut self, nic: &Nic, spec: &NetworkSpec) -> Result<Vec<IpNet>, NetworkError> {
        for net in &nic.addresses {
            self.check(*net, spec)?;
        }
        if !nic.addresses.is_empty() {
            return Ok(nic.addresses.clone());
        }
        let v4 = spec.subnet4.map(|net| self.free4(net, spec)).transpose()?;
        let v6 = spec.subnet6.map(|net| self.free6(net, spec)).transpose()?;
        Ok(v4.into_iter().chain(v6).collect())
    }

    fn check(&self, net: IpNet, spec: &NetworkSpec) -> Result<(), NetworkError> {
        let address = net.addr();
        let (inside, host) = match address {
            IpAddr::V4(v4) => {
                let of = |s: Ipv4Net| (s.contains(&v4), s.addr() == v4);
                spec.subnet4.map_or((true, false), of)
            }
            IpAddr::V6(v6) => {
                let of = |s: Ipv6Net| (s.contains(&v6), s.addr() == v6);
                spec.subnet6.map_or((true, false), of)
            }
        };
        if !inside {
            return Err(NetworkError::AddressOutside { address, network: spec.name.clone() });
        }
        if host || self.addresses.contains(&address) {
            return Err(NetworkError::AddressTaken(address));
        }
        Ok(())
    }

    fn free4(&mut self, net: Ipv4Net, spec: &NetworkSpec) -> Result<IpNet, NetworkError> {
        let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
        // Without the network's own and the broadcast address.
        let hosts = (last - first).saturating_sub(1);
        for n in 0..hosts {
            let host = (self.last + n) % hosts + 1;
            let address = Ipv4Addr::from(first + host);
            if address != net.addr() && !self.addresses.contains(&address.into()) {
                self.last = host;
                return Ok(IpNet::new(address.into(), net.prefix_len()).expect("as the subnet's"));
            }
        }
        Err(NetworkError::Exhausted(spec.name.clone()))
    }

    fn free6(&self, net: Ipv6Net, spec: &NetworkSpec) -> Result<IpNet, NetworkError> {
        let first = u128::from(net.network());
        let bits = 128 - u32::from(net.prefix_len());
        let hosts = 1u128.checked_shl(bits).unwrap_or(u128::MAX);
        let start = u128::from(self.last);
        let tries = (self.addresses.len() as u128 + 3).min(hosts);
        for n in 0..tries {
            let address = Ipv6Addr::from(first + (start + n) % hosts);
            let own = address == net.addr() || address == net.network();
            if !own && !self.addresses.contains(&address.into()) {
                return Ok(IpNet::new(address.into(), net.prefix_len()).expect("as the subnet's"));
            }
        }
        Err(NetworkError::Exhausted(spec.name.clone()))
    }
}

/// A MAC address with Xen's prefix, from the guest's UUID, of which these bits are random.
fn generate((guest, nth): Place, attempt: u32) -> MacAddr6 {
    let bytes = guest.as_bytes();
    let random = u32::from_be_bytes([0, bytes[13], bytes[14], bytes[15]]);
    let [_, a, b, c] =
        random.wrapping_add(u32::from(nth)).wrapping_add(attempt.wrapping_mul(257)).to_be_bytes();
    MacAddr6::new(0x00, 0x16, 0x3e, a, b, c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(subnet4: &str, subnet6: Option<&str>) -> NetworkSpec {
        NetworkSpec {
            name: "net".into(),
            uplink: lightvm::api::Uplink::None,
            subnet4: Some(subnet4.parse().unwrap()),
            subnet6: subnet6.map(|net| net.parse().unwrap()),
            dhcp: false,
            mtu: None,
        }
    }

    fn place(n: u8) -> Place {
        (Uuid::from_bytes([n; 16]), 0)
    }

    #[test]
    fn addresses_come_from_the_subnet_and_run_out() {
        let spec = spec("10.0.0.1/29", Some("fd00::1/64"));
        let mut members = Members::default();
        let mut seen = BTreeSet::new();
        for n in 0..5 {
            let (_, addresses) = members.add(place(n), &Nic::default(), &spec).unwrap();
            assert!(addresses.iter().all(|net| seen.insert(*net)), "{addresses:?}");
            assert!(!addresses.contains(&"10.0.0.1/29".parse().unwrap()));
            assert!(!addresses.contains(&"fd00::1/64".parse().unwrap()));
            assert_eq!(addresses.len(), 2);
        }
        let full = members.add(place(9), &Nic::default(), &spec);
        assert!(matches!(full, Err(NetworkError::Exhausted(_))));
        assert!(members.remove(place(2)));
        members.add(place(9), &Nic::default(), &spec).unwrap();
    }

    #[test]
    fn what_is_taken_or_elsewhere_is_refused() {
        let spec = spec("10.0.0.1/24", None);
        let mut members = Members::default();
        let nic = |address: &str, mac: MacAddr6| Nic {
            addresses: vec![address.parse().unwrap()],
            mac: Some(mac),
            ..Nic::default()
        };
        let (a, b) = (MacAddr6::new(2, 0, 0, 0, 0, 1), MacAddr6::new(2, 0, 0, 0, 0, 2));
        members.add(place(1), &nic("10.0.0.7/24", a), &spec).unwrap();
        let refused = [
            nic("10.0.0.8/24", a),
            nic("10.0.0.7/24", b),
            nic("10.0.0.1/24", b),
            nic("10.0.1.8/24", b),
            nic("10.0.0.8/24", MacAddr6::broadcast()),
        ];
        for nic in refused {
            assert!(members.add(place(2), &nic, &spec).is_err(), "{nic:?}");
        }
        assert_eq!(members.len(), 1);
        members.add(place(1), &nic("10.0.0.7/24", a), &spec).unwrap();
    }

    proptest! {
        #[test]
        fn generated_mac_addresses_differ(guests in proptest::collection::vec(any::<[u8; 16]>(), 1..100)) {
            let mut members = Members::default();
            let spec = NetworkSpec { subnet4: None, ..spec("10.0.0.1/24", None) };
            let mut seen = BTreeMap::new();
            for (n, guest) in guests.into_iter().enumerate() {
                let place = (Uuid::from_bytes(guest), u8::try_from(n % 3).unwrap());
                let (mac, _) = members.add(place, &Nic::default(), &spec).unwrap();
                seen.insert(place, mac.into_array());
            }
            let distinct: BTreeSet<_> = seen.values().collect();
            prop_assert_eq!(distinct.len(), seen.len());
        }
    }
}
