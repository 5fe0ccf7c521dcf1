//! Checks of what a network is to be.

use lightvm::api::{NetworkSpec, Uplink};

use super::NetworkError;

/// The largest IP packet unless said.
pub(super) const DEFAULT_MTU: u16 = 1500;
/// Longest name, as of a guest.
const MAX_NAME: usize = 63;

/// Checks a description that somebody wrote.
///
/// # Errors
/// [`NetworkError::Name`] and [`NetworkError::Spec`].
pub(super) fn check(spec: &NetworkSpec) -> Result<(), NetworkError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = &spec.name;
    if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(allowed) || name.starts_with('.')
    {
        return Err(NetworkError::Name(name.clone()));
    }
    match problem(spec) {
        Some(problem) => Err(NetworkError::Spec { name: name.clone(), problem }),
        None => Ok(()),
    }
}

fn problem(spec: &NetworkSpec) -> Option<&'static str> {
    let mtu = spec.mtu.unwrap_or(DEFAULT_MTU);
    let least = if spec.subnet6.is_some() { 1280 } else { 576 };
    let routed = matches!(spec.uplink, Uplink::Routed { .. });
    if routed && spec.subnet4.is_none() && spec.subnet6.is_none() {
        Some("a routed network needs a subnet with the host's address, such as 10.0.0.1/24")
    } else if spec.dhcp && spec.subnet4.is_none() {
        Some("DHCP needs an IPv4 subnet, such as 10.0.0.1/24")
    } else if spec.subnet4.is_some_and(|net| net.prefix_len() > 30 || own_is_special(net)) {
        Some("the IPv4 subnet needs a prefix of at most 30 bits and the host's address in it")
    } else if spec.subnet6.is_some_and(|net| net.prefix_len() > 120) {
        Some("the IPv6 subnet needs a prefix of at most 120 bits")
    } else if !(least..=65_521).contains(&mtu) {
        Some("the MTU is 576 (with IPv6: 1280) to 65521 bytes")
    } else {
        None
    }
}

/// Whether the host's address is that of the network or of all hosts.
fn own_is_special(net: ipnet::Ipv4Net) -> bool {
    net.addr() == net.network() || net.addr() == net.broadcast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(uplink: Uplink, subnet4: Option<&str>) -> NetworkSpec {
        NetworkSpec {
            name: "a".into(),
            uplink,
            subnet4: subnet4.map(|net| net.parse().unwrap()),
            subnet6: None,
            dhcp: false,
            mtu: None,
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let good = spec(Uplink::Routed { nat: true }, Some("10.0.0.1/24"));
        assert!(check(&good).is_ok());
        let bad = [
            NetworkSpec { name: String::new(), ..good.clone() },
            NetworkSpec { name: "../x".into(), ..good.clone() },
            NetworkSpec { name: "a b".into(), ..good.clone() },
            NetworkSpec { name: "a".repeat(64), ..good.clone() },
            NetworkSpec { subnet4: None, ..good.clone() },
            NetworkSpec { mtu: Some(100), ..good.clone() },
            NetworkSpec { dhcp: true, ..spec(Uplink::None, None) },
            spec(Uplink::None, Some("10.0.0.0/24")),
            spec(Uplink::None, Some("10.0.0.1/31")),
        ];
        for spec in bad {
            assert!(check(&spec).is_err(), "{spec:?}");
        }
    }
}
