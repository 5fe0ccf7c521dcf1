//! Where a frame goes: a pure decision over one network's table.

use std::time::Instant;

use super::frame::{self, Arp, Ethernet, ethertype, is_group, is_reserved};
use super::table::{Learned, Place, Table};

/// Which ports of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Every one.
    All,
    /// Those without a pinned address: anything may be behind them.
    Unpinned,
}

/// Where a frame goes. It never goes back to where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To one place.
    To(Place),
    /// To many ports, and to the uplink unless it came from there.
    Flood(Ports),
    /// Nowhere: for the bridge itself, back to its sender, or malformed.
    Nowhere,
}

/// Where `frame`, which came from `from`, goes; also learns where its sender is, if
/// `learn`. The second value says whether other shards should hear of the sender.
pub fn decide(
    table: &mut Table,
    from: Place,
    learn: bool,
    frame: &[u8],
    now: Instant,
) -> (Verdict, bool) {
    let Ok(ethernet) = Ethernet::read(frame) else { return (Verdict::Nowhere, false) };
    if is_reserved(ethernet.destination) || is_group(ethernet.source) {
        return (Verdict::Nowhere, false);
    }
    let mut news = false;
    if learn {
        match table.learn(ethernet.source, from, now) {
            Learned::News => news = true,
            Learned::Known => {}
            // The address of another's port: its owner is asking for trouble.
            Learned::Refused if table.find(ethernet.source).is_some_and(|at| at != from) => {
                return (Verdict::Nowhere, false);
            }
            Learned::Refused => {}
        }
    }
    let verdict = match destination(table, &ethernet, frame) {
        Some(place) if place == from => Verdict::Nowhere,
        Some(place) => Verdict::To(place),
        None if is_own_news(table, from, &ethernet, frame) => Verdict::Flood(Ports::Unpinned),
        None if is_group(ethernet.destination) => Verdict::Flood(Ports::All),
        None => Verdict::Flood(Ports::Unpinned),
    };
    (verdict, news)
}

/// The one place a frame is for, if it is known. Who asks for a pinned IPv4 address by ARP
/// asks its owner alone.
fn destination(table: &Table, ethernet: &Ethernet, frame: &[u8]) -> Option<Place> {
    if !is_group(ethernet.destination) {
        return table.find(ethernet.destination);
    }
    if ethernet.ethertype != ethertype::ARP {
        return None;
    }
    let arp = Arp::read(&frame[frame::ETHERNET..]).ok()?;
    let asks_another = arp.operation == 1 && arp.sender != arp.target;
    table.owner(arp.target).filter(|_| asks_another).map(Place::Port)
}

/// Whether a port tells by ARP where its pinned address is, and no guest has ever heard otherwise:
/// with many guests, waking all of them for each one that starts would be most of the switch's work.
fn is_own_news(table: &Table, from: Place, ethernet: &Ethernet, frame: &[u8]) -> bool {
    if ethernet.ethertype != ethertype::ARP {
        return false;
    }
    Arp::read(&frame[frame::ETHERNET..]).is_ok_and(|arp| {
        arp.sender == arp.target
            && table.owner(arp.sender).map(Place::Port) == Some(from)
            && !table.had_another_owner(arp.sender)
    })
}

#[cfg(test)]
mod tests {
    use macaddr::MacAddr6;
    use proptest::prelude::*;

    use super::super::samples::{announcement, ethernet};
    use super::super::table::PortId;
    use super::*;

    fn place(n: u32) -> Place {
        match n {
            0 => Place::Uplink,
            n => Place::Port(PortId { shard: 0, slot: n, generation: 0 }),
        }
    }

    fn mac(n: u8) -> MacAddr6 {
        MacAddr6::new(2, 0, 0, 0, 0, n)
    }

    /// Ports 1 to 3 are pinned to addresses 1 to 3; the others learn.
    fn pinned(table: &mut Table, now: Instant) {
        for n in 1..4 {
            let Place::Port(port) = place(n) else { unreachable!() };
            table.pin(mac(u8::try_from(n).unwrap()), &[], port, now).unwrap();
        }
    }

    proptest! {
        #[test]
        fn never_to_the_wrong_port_and_never_back(
            frames in proptest::collection::vec((0..8u32, 0..12u8, 0..12u8, any::<bool>()), 0..100),
        ) {
            let now = Instant::now();
            let mut table = Table::default();
            pinned(&mut table, now);
            for (from, source, destination, group) in frames {
                let from = place(from);
                let to = if group { MacAddr6::broadcast() } else { mac(destination) };
                let frame = ethernet(to, mac(source), 0x9999, &[0; 46]);
                let (verdict, _) = decide(&mut table, from, true, &frame, now);
                match verdict {
                    Verdict::To(place) => {
                        prop_assert!(!group && place != from);
                        prop_assert_eq!(table.find(to), Some(place));
                    }
                    Verdict::Flood(Ports::All) => prop_assert!(group),
                    Verdict::Flood(Ports::Unpinned) => {
                        prop_assert!(!group && table.find(to).is_none());
                        prop_assert!(!(1..4).contains(&destination), "flooded a pinned address");
                    }
                    Verdict::Nowhere => {}
                }
                for n in 1..4u8 {
                    prop_assert_eq!(table.find(mac(n)), Some(place(n.into())));
                }
            }
        }

        #[test]
        fn any_bytes_are_judged(frame in proptest::collection::vec(any::<u8>(), 0..80)) {
            decide(&mut Table::default(), Place::Uplink, true, &frame, Instant::now());
        }
    }

    #[test]
    fn a_new_address_is_no_news_to_pinned_neighbours() {
        let (now, mut table, address) = (Instant::now(), Table::default(), [10, 0, 0, 5].into());
        let told = |table: &mut Table, n: u32| {
            let frame = announcement(mac(u8::try_from(n).unwrap()), address);
            decide(table, place(n), true, &frame, now).0
        };
        let own = |table: &mut Table, n: u32| {
            let Place::Port(port) = place(n) else { unreachable!() };
            table.pin(mac(u8::try_from(n).unwrap()), &[address], port, now).unwrap();
            port
        };
        let port = own(&mut table, 1);
        assert_eq!(told(&mut table, 1), Verdict::Flood(Ports::Unpinned));
        // Who says so without having it is heard by all, if its port lets it.
        assert_eq!(told(&mut table, 4), Verdict::Flood(Ports::All));
        table.remove(port);
        own(&mut table, 2);
        assert_eq!(told(&mut table, 2), Verdict::Flood(Ports::All));
    }

    #[test]
    fn bridge_protocols_stay_where_they_are() {
        let to = MacAddr6::new(0x01, 0x80, 0xc2, 0, 0, 0);
        let frame = ethernet(to, mac(9), 0x0027, &[0; 46]);
        let (verdict, _) =
            decide(&mut Table::default(), Place::Uplink, true, &frame, Instant::now());
        assert_eq!(verdict, Verdict::Nowhere);
    }
}
