//! Network interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use macaddr::MacAddr6;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::value::RawValue;
use super::fields::{self, Field};
use super::{DeviceError, Rate, mac, rate};

/// A network interface of a guest.
///
/// It is attached to a network of the daemon, to a bridge of the host, or to a tap device of its
/// own; with none of them named, to the daemon's default network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nic {
    /// Its MAC address, or `None` to have one generated.
    #[serde(default, with = "mac", skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^([0-9A-Fa-f]{2}[:.-]?){5}[0-9A-Fa-f]{2}$")
    )]
    pub mac: Option<MacAddr6>,
    /// The network (`lvm network list`) it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([A-Za-z0-9_][A-Za-z0-9._-]{0,62})?$"))]
    pub network: Option<String>,
    /// The bridge of the host it is attached to, instead of a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_INTERFACE))]
    pub bridge: Option<String>,
    /// The tap device, its own, it is attached to, instead of a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_INTERFACE))]
    pub tap: Option<String>,
    /// Its addresses with their prefixes; the first of each family is told to the guest. Empty:
    /// the network gives it one, or the guest finds its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>", length(max = MAX_ADDRESSES), inner(regex(pattern = r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$")))]
    pub addresses: Vec<IpNet>,
    /// The gateway told to the guest, or `None` for the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway4: Option<Ipv4Addr>,
    /// The IPv6 gateway told to the guest, or `None` for the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway6: Option<Ipv6Addr>,
    /// The most it may send, or `None` for any amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The largest IP packet, in bytes, or `None` for the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = MTU.0, max = MTU.1))]
    pub mtu: Option<u16>,
    /// Whether the guest may send only from its MAC and IP addresses.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub pinned: bool,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_yes(answer: &bool) -> bool {
    *answer
}

impl Default for Nic {
    fn default() -> Self {
        Nic {
            mac: None,
            network: None,
            bridge: None,
            tap: None,
            addresses: Vec::new(),
            gateway4: None,
            gateway6: None,
            rate: None,
            mtu: None,
            pinned: true,
        }
    }
}

/// The smallest MTU of IPv4 (RFC 791) and the largest that fits a 64 KiB packet with its header.
const MTU: (u16, u16) = (68, 65_521);

/// The noxs device table tells a guest one address of each family; the rest is for pinning.
const MAX_ADDRESSES: usize = 16;

/// The longest name of a network, as of a guest.
const MAX_NETWORK: usize = 63;

/// `IFNAMSIZ` of Linux's `if.h`, less its final NUL.
const MAX_INTERFACE: usize = 15;

const KNOWN: &str =
    "mac, network, bridge, tap, addresses (ip), gateway, gateway4, gateway6, rate, mtu and pinned";

impl Nic {
    /// The first IPv4 address, which the guest is told.
    #[must_use]
    pub fn address4(&self) -> Option<ipnet::Ipv4Net> {
        self.addresses.iter().find_map(|address| match address {
            IpNet::V4(address) => Some(*address),
            IpNet::V6(_) => None,
        })
    }

    /// The first IPv6 address, which the guest is told.
    #[must_use]
    pub fn address6(&self) -> Option<ipnet::Ipv6Net> {
        self.addresses.iter().find_map(|address| match address {
            IpNet::V6(address) => Some(*address),
            IpNet::V4(_) => None,
        })
    }

    /// Reads a table of TOML.
    pub(in super::super) fn read(value: RawValue) -> Result<Self, DeviceError> {
        const EXPECTED: &str = "a table such as { network = \"lan\" }";
        Nic::of_fields(fields::of_table(value, EXPECTED)?)
    }

    fn of_fields(fields: Vec<Field>) -> Result<Self, DeviceError> {
        let mut nic = Nic::default();
        for field in fields {
            nic.set(&field)?;
        }
        nic.check()?;
        Ok(nic)
    }

    /// Sets the part that `field` names.
    pub(super) fn set(&mut self, field: &Field) -> Result<(), DeviceError> {
        match field.name.as_str() {
            "mac" => once(&mut self.mac, field, field.parse("a MAC address")?),
            "network" => once(&mut self.network, field, network_name(field)?),
            "bridge" => once(&mut self.bridge, field, interface_name(field)?),
            "tap" => once(&mut self.tap, field, interface_name(field)?),
            "addresses" | "ip" => self.add_addresses(field),
            "gateway" | "gateway4" | "gateway6" => self.set_gateway(field),
            "rate" => once(&mut self.rate, field, field.parse(rate::EXPECTED)?),
            "mtu" => once(&mut self.mtu, field, field.number(MTU.0, MTU.1)?),
            "pinned" => {
                self.pinned = field.yes_or_no()?;
                Ok(())
            }
            _ => Err(field.unknown(KNOWN)),
        }
    }

    fn add_addresses(&mut self, field: &Field) -> Result<(), DeviceError> {
        const EXPECTED: &str = "an address such as 10.0.0.5/24 or fd00::5/64";
        for one in field.texts(EXPECTED)? {
            for part in one.text(EXPECTED)?.split_whitespace() {
                self.addresses.push(address(part).ok_or_else(|| one.malformed(EXPECTED))?);
            }
        }
        Ok(())
    }

    fn set_gateway(&mut self, field: &Field) -> Result<(), DeviceError> {
        let address: IpAddr = field.parse("an address such as 10.0.0.1")?;
        match (field.name.as_str(), address) {
            ("gateway" | "gateway4", IpAddr::V4(address)) => {
                once(&mut self.gateway4, field, address)
            }
            ("gateway" | "gateway6", IpAddr::V6(address)) => {
                once(&mut self.gateway6, field, address)
            }
            ("gateway4", _) => Err(field.malformed("an IPv4 address")),
            _ => Err(field.malformed("an IPv6 address")),
        }
    }

    /// Checks what belongs together.
    pub(in super::super) fn check(&self) -> Result<(), DeviceError> {
        if let Some(mac) = self.mac
            && (mac.is_multicast() || mac.is_nil())
        {
            return Err(DeviceError::GroupMac(mac.to_string()));
        }
        let places = [("network", &self.network), ("bridge", &self.bridge), ("tap", &self.tap)];
        let mut named = places.iter().filter(|(_, name)| name.is_some());
        if let (Some((one, _)), Some((other, _))) = (named.next(), named.next()) {
            return Err(DeviceError::Excluded(one, other));
        }
        self.check_names()?;
        self.check_addresses()
    }

    /// Names that came from elsewhere than text have not been looked at yet.
    fn check_names(&self) -> Result<(), DeviceError> {
        let field = |name: &str, value: &String| Field {
            name: name.to_owned(),
            value: RawValue::Text(value.clone()),
        };
        if let Some(network) = &self.network {
            network_name(&field("network", network))?;
        }
        for (name, interface) in [("bridge", &self.bridge), ("tap", &self.tap)] {
            if let Some(interface) = interface {
                interface_name(&field(name, interface))?;
            }
        }
        match self.mtu {
            Some(mtu) if !(MTU.0..=MTU.1).contains(&mtu) => Err(DeviceError::Range {
                field: "mtu".to_owned(),
                value: mtu.into(),
                min: MTU.0.into(),
                max: MTU.1.into(),
            }),
            _ => Ok(()),
        }
    }

    fn check_addresses(&self) -> Result<(), DeviceError> {
        if self.addresses.len() > MAX_ADDRESSES {
            let count = self.addresses.len();
            return Err(DeviceError::TooManyAddresses { count, max: MAX_ADDRESSES });
        }
        if self.gateway4.is_some() && self.address4().is_none() {
            return Err(DeviceError::GatewayAlone("gateway4"));
        }
        if self.gateway6.is_some() && self.address6().is_none() {
            return Err(DeviceError::GatewayAlone("gateway6"));
        }
        Ok(())
    }
}

/// An address with its prefix; without one, it stands for itself alone.
fn address(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(address) => Some(address),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

fn once<T>(place: &mut Option<T>, field: &Field, value: T) -> Result<(), DeviceError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DeviceError::Twice(field.name.clone())),
    }
}

fn network_name(field: &Field) -> Result<String, DeviceError> {
    const EXPECTED: &str = "a network's name: 1 to 63 ASCII letters, digits, . _ and -";
    let name = field.text(EXPECTED)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.len() > MAX_NETWORK || !name.chars().all(allowed) || name.starts_with(['.', '-']) {
        return Err(field.malformed(EXPECTED));
    }
    Ok(name.to_owned())
}

/// The rules of Linux's `dev_valid_name`, in ASCII.
fn interface_name(field: &Field) -> Result<String, DeviceError> {
    const EXPECTED: &str = "an interface's name: 1 to 15 characters without blanks, / and :";
    let name = field.text(EXPECTED)?;
    let allowed = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
    if name.len() > MAX_INTERFACE || !name.chars().all(allowed) || name == "." || name == ".." {
        return Err(field.malformed(EXPECTED));
    }
    Ok(name.to_owned())
}

/// As options are written: `network=lan,mac=00:16:3e:00:00:01,ip=10.0.0.5/24`. Addresses may be
/// given several times.
impl FromStr for Nic {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Nic::of_fields(fields::of_text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Nic>().expect_err(text).to_string()
    }

    #[test]
    fn an_option_sets_every_part() {
        let nic: Nic = "network=lan,mac=00:16:3E:00:00:01,ip=10.0.0.5/24,ip=fd00::5/64,\
                        gateway=10.0.0.1,gateway=fd00::1,rate=1MB/s,mtu=9000,pinned=no"
            .parse()
            .unwrap();
        assert_eq!(nic.network.as_deref(), Some("lan"));
        assert_eq!(nic.mac.map(|mac| mac.to_string()).as_deref(), Some("00:16:3E:00:00:01"));
        assert_eq!(nic.address4().map(|a| a.to_string()).as_deref(), Some("10.0.0.5/24"));
        assert_eq!(nic.address6().map(|a| a.to_string()).as_deref(), Some("fd00::5/64"));
        assert_eq!(nic.gateway4, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(nic.gateway6.map(|a| a.to_string()).as_deref(), Some("fd00::1"));
        assert_eq!((nic.mtu, nic.pinned), (Some(9000), false));
        assert_eq!("".parse(), Ok(Nic::default()));
    }

    #[test]
    fn errors_say_what_is_allowed() {
        for (text, message) in [
            ("mac=1", "mac: `1` is not a MAC address"),
            ("mac=01:00:00:00:00:00", "mac: 01:00:00:00:00:00 is a group address"),
            ("network=a,tap=b", "`network` and `tap` exclude each other"),
            ("ip=10.0.0.5/33", "ip: `10.0.0.5/33` is not an address such as"),
            ("gateway=10.0.0.1", "gateway4: a gateway needs an address of its family"),
            ("gateway6=10.0.0.1,ip=10.0.0.5", "gateway6: `10.0.0.1` is not an IPv6 address"),
            ("mtu=67", "mtu: 67 is out of range; 68 to 65521 are allowed"),
            ("rate=fast", "rate: `fast` is not a rate such as 10MB/s"),
            ("bridge=a/b", "bridge: `a/b` is not an interface's name"),
            ("tap=sixteen-letters-", "tap: `sixteen-letters-` is not an interface's name"),
            ("network=../x", "network: `../x` is not a network's name"),
            ("mac=00:16:3e:00:00:01,mac=00:16:3e:00:00:02", "mac: given twice"),
            ("pinned=maybe", "pinned: `maybe` is not true or false"),
            ("network", "network: expected a network's name"),
            ("colour=red", "`colour` is not known here; mac, network"),
        ] {
            assert!(error(text).starts_with(message), "{text}: {}", error(text));
        }
    }

    #[test]
    fn json_round_trips() {
        let nic: Nic = "mac=00:16:3e:00:00:01,ip=10.0.0.5/24,rate=1p/s".parse().unwrap();
        let json = serde_json::to_string(&nic).unwrap();
        assert_eq!(
            json,
            r#"{"mac":"00:16:3E:00:00:01","addresses":["10.0.0.5/24"],"rate":"1p/s"}"#
        );
        assert_eq!(serde_json::from_str::<Nic>(&json).unwrap(), nic);
    }
}
