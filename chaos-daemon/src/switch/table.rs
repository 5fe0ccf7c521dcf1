//! Who is where: the forwarding table of one network.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use macaddr::MacAddr6;

use super::former::Former;
use super::frame::is_group;

/// A port of a switch, on any shard. The number of a port that is gone is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId {
    pub(super) shard: u16,
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Where a frame comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A guest's port.
    Port(PortId),
    /// The host's network.
    Uplink,
}

/// How long an address that was learned is remembered without a frame from it.
pub const MAX_AGE: Duration = Duration::from_secs(300);
/// Most addresses that are learned behind one port.
pub const MAX_PER_PORT: usize = 64;
/// Most addresses that are learned behind the uplink.
pub const MAX_UPLINK: usize = 4096;
/// Other shards hear of an address in use this often.
const REFRESH: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    pinned: bool,
    seen: Instant,
    told: Instant,
}

/// What became of an address that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It was known there.
    Known,
    /// It is new, has moved, or the other shards have not heard of it for a while.
    News,
    /// It belongs to another, or too many are known behind this port.
    Refused,
}

/// The address is pinned to another port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MAC address {0} is already in use on this network: give the device another")]
pub struct Taken(pub MacAddr6);

/// MAC addresses and their places; those of pinned ports do not move or age.
#[derive(Debug, Default)]
pub struct Table {
    entries: HashMap<MacAddr6, Entry>,
    learned: HashMap<Place, usize>,
    addresses: HashMap<Ipv4Addr, PortId>,
    former: Former,
}

impl Table {
    /// Pins `mac` and `addresses` to `port`. Of an IPv4 address that two ports have, the
    /// first keeps it.
    ///
    /// # Errors
    /// When the MAC address is pinned to another port.
    pub fn pin(
        &mut self,
        mac: MacAddr6,
        addresses: &[Ipv4Addr],
        port: PortId,
        now: Instant,
    ) -> Result<(), Taken> {
        let place = Place::Port(port);
        match self.entries.get(&mac).copied() {
            Some(old) if old.pinned && old.place != place => return Err(Taken(mac)),
            Some(old) if !old.pinned => self.forget(mac, old.place),
            _ => {}
        }
        self.entries.insert(mac, Entry { place, pinned: true, seen: now, told: now });
        for address in addresses {
            self.addresses.entry(*address).or_insert(port);
        }
        Ok(())
    }

    /// Notes that a frame from `mac` came from `place`.
    pub fn learn(&mut self, mac: MacAddr6, place: Place, now: Instant) -> Learned {
        if is_group(mac) {
            return Learned::Refused;
        }
        match self.entries.get_mut(&mac) {
            Some(entry) if entry.place == place => {
                entry.seen = now;
                if entry.pinned || now.saturating_duration_since(entry.told) < REFRESH {
                    return Learned::Known;
                }
                entry.told = now;
                return Learned::News;
            }
            Some(entry) if entry.pinned => return Learned::Refused,
            Some(entry) => {
                let old = entry.place;
                self.forget(mac, old);
            }
            None => {}
        }
        self.insert(mac, place, now)
    }

    fn insert(&mut self, mac: MacAddr6, place: Place, now: Instant) -> Learned {
        let most = if place == Place::Uplink { MAX_UPLINK } else { MAX_PER_PORT };
        let count = self.learned.entry(place).or_default();
        if *count >= most {
            return Learned::Refused;
        }
        *count += 1;
        self.entries.insert(mac, Entry { place, pinned: false, seen: now, told: now });
        Learned::News
    }

    fn forget(&mut self, mac: MacAddr6, place: Place) {
        self.entries.remove(&mac);
        if let Some(count) = self.learned.get_mut(&place) {
            *count -= 1;
        }
    }

    /// Where `mac` is.
    pub fn find(&self, mac: MacAddr6) -> Option<Place> {
        self.entries.get(&mac).map(|entry| entry.place)
    }

    /// The port that `address` is pinned to.
    pub fn owner(&self, address: Ipv4Addr) -> Option<PortId> {
        self.addresses.get(&address).copied()
    }

    /// Whether neighbours may think that `address` is somewhere else: it was another port's a few
    /// minutes ago.
    pub fn had_another_owner(&self, address: Ipv4Addr) -> bool {
        self.former.contains(address)
    }

    /// Forgets a port and all that was behind it.
    pub fn remove(&mut self, port: PortId) {
        self.entries.retain(|_, entry| entry.place != Place::Port(port));
        let gone = self.addresses.extract_if(|_, owner| *owner == port);
        self.former.add(gone.map(|(address, _)| address));
        self.learned.remove(&Place::Port(port));
    }

    /// Forgets learned addresses that no frame came from for [`MAX_AGE`].
    pub fn expire(&mut self, now: Instant) {
        self.former.expire(now);
        let learned = &mut self.learned;
        self.entries.retain(|_, entry| {
            let keep = entry.pinned || now.saturating_duration_since(entry.seen) < MAX_AGE;
            if let (false, Some(count)) = (keep, learned.get_mut(&entry.place)) {
                *count -= 1;
            }
            keep
        });
    }

    /// Number of addresses it knows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn port(slot: u32) -> PortId {
        PortId { shard: 0, slot, generation: 0 }
    }

    fn mac(n: u8) -> MacAddr6 {
        MacAddr6::new(2, 0, 0, 0, 0, n)
    }

    #[test]
    fn a_pinned_address_stays() {
        let now = Instant::now();
        let mut table = Table::default();
        table.pin(mac(1), &[Ipv4Addr::LOCALHOST], port(1), now).unwrap();
        assert_eq!(table.learn(mac(1), Place::Port(port(2)), now), Learned::Refused);
        assert_eq!(table.learn(mac(1), Place::Uplink, now), Learned::Refused);
        assert_eq!(table.pin(mac(1), &[], port(2), now), Err(Taken(mac(1))));
        table.expire(now + MAX_AGE * 2);
        assert_eq!(table.find(mac(1)), Some(Place::Port(port(1))));
        assert_eq!(table.owner(Ipv4Addr::LOCALHOST), Some(port(1)));
    }

    #[test]
    fn a_learned_address_moves_and_ages() {
        let now = Instant::now();
        let mut table = Table::default();
        assert_eq!(table.learn(mac(1), Place::Uplink, now), Learned::News);
        assert_eq!(table.learn(mac(1), Place::Uplink, now), Learned::Known);
        assert_eq!(table.learn(mac(1), Place::Port(port(3)), now), Learned::News);
        table.expire(now + MAX_AGE);
        assert_eq!((table.find(mac(1)), table.len()), (None, 0));
    }

    #[test]
    fn pinning_takes_over_what_was_learned() {
        let now = Instant::now();
        let mut table = Table::default();
        table.learn(mac(1), Place::Uplink, now);
        table.pin(mac(1), &[], port(1), now).unwrap();
        assert_eq!(table.find(mac(1)), Some(Place::Port(port(1))));
        table.remove(port(1));
        assert!(table.is_empty());
    }

    #[test]
    fn groups_are_not_learned() {
        let mut table = Table::default();
        let learned = table.learn(MacAddr6::broadcast(), Place::Uplink, Instant::now());
        assert_eq!((learned, table.len()), (Learned::Refused, 0));
    }

    proptest! {
        #[test]
        fn bounds_hold_whatever_comes(
            steps in proptest::collection::vec((any::<[u8; 2]>(), 0..3u32, 0..4u8, 0..200u64), 0..2000),
        ) {
            let mut now = Instant::now();
            let mut table = Table::default();
            for (bytes, slot, step, wait) in steps {
                let address = MacAddr6::new(2, 0, 0, 0, bytes[0], bytes[1]);
                let place = Place::Port(port(slot));
                match step {
                    0 => table.expire(now),
                    1 if bytes[0] == 0 => table.remove(port(slot)),
                    _ => { table.learn(address, place, now); }
                }
                now += Duration::from_millis(wait);
                let mut counts = HashMap::new();
                for entry in table.entries.values() {
                    *counts.entry(entry.place).or_insert(0usize) += 1;
                }
                for (place, count) in counts {
                    prop_assert!(count <= MAX_PER_PORT);
                    prop_assert_eq!(table.learned[&place], count);
                }
            }
        }
    }
}
