//! Addresses that were somebody else's a while ago.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long an address is remembered at least, and half of how long at most: what neighbours know
/// of it is doubted by then.
const AGE: Duration = Duration::from_secs(300);

/// IPv4 addresses whose port has gone: neighbours may think that they are where they were, and have
/// to hear of their next owner.
#[derive(Debug, Default)]
pub(super) struct Former {
    young: HashSet<Ipv4Addr>,
    old: HashSet<Ipv4Addr>,
    turned: Option<Instant>,
}

impl Former {
    /// The owner of `addresses` has gone.
    pub(super) fn add(&mut self, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        self.young.extend(addresses);
    }

    /// Whether `address` had another owner before.
    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        self.young.contains(&address) || self.old.contains(&address)
    }

    /// Forgets those that are old.
    pub(super) fn expire(&mut self, now: Instant) {
        let turned = *self.turned.get_or_insert(now);
        if now.saturating_duration_since(turned) >= AGE {
            self.old = std::mem::take(&mut self.young);
            self.turned = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_remembered_for_a_while() {
        let (address, start) = (Ipv4Addr::new(10, 0, 0, 5), Instant::now());
        let mut former = Former::default();
        assert!(!former.contains(address));
        former.add([address]);
        former.expire(start);
        former.expire(start + AGE);
        assert!(former.contains(address));
        former.expire(start + AGE * 2);
        assert!(!former.contains(address));
    }
}
