//! A guest's devices. Whoever reads a device's `state` first finds everything else there: the
//! kernel's back ends take a device up when its `state` appears, so that is written last.

use macaddr::MacAddr6;

use super::path::{Device, Kind};
use super::tree::{Access, Tree};

/// A network interface, served by netback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Its address.
    pub mac: MacAddr6,
    /// The bridge of the host that it is attached to.
    pub bridge: String,
    /// The largest IP packet, in bytes.
    pub mtu: u16,
    /// The most bytes it may send a second.
    pub bytes_per_s: Option<u64>,
}

/// A disk, served by blkback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The guest's name for it, such as `xvda`.
    pub name: String,
    /// The file or block device, for people to read.
    pub path: String,
    /// Whether the guest may write.
    pub writable: bool,
    /// Whether the guest is told that it may be taken out.
    pub removable: bool,
    /// Whether the guest may give blocks back.
    pub discard: bool,
}

/// What `xl` runs when it takes such a device away: nothing, the daemon tidies up itself.
/// netback wants to read it.
const NO_SCRIPT: &str = "/bin/true";

/// `XenbusStateInitialising` of Xen's `io/xenbus.h`.
const INITIALISING: u8 = 1;

/// How often netback's limit is filled up again, in microseconds; as `xl` has it.
const RATE_INTERVAL_US: u64 = 50_000;

/// The entries of the `number`th network interface of a guest.
#[must_use]
pub fn nic(device: Device, nic: &Nic) -> Tree {
    let mac = nic.mac.to_string().to_lowercase();
    let mut back = vec![
        ("script", NO_SCRIPT.to_owned()),
        ("mac", mac.clone()),
        ("bridge", nic.bridge.clone()),
        ("handle", device.number.to_string()),
        ("type", "vif".to_owned()),
        ("hotplug-status", String::new()),
    ];
    if let Some(rate) = nic.bytes_per_s {
        let bytes = u128::from(rate) * u128::from(RATE_INTERVAL_US) / 1_000_000;
        // With none at all the guest could never send.
        back.push(("rate", format!("{},{RATE_INTERVAL_US}", bytes.max(1))));
    }
    let front = [
        ("handle", device.number.to_string()),
        ("mac", mac),
        ("mtu", nic.mtu.to_string()),
        ("trusted", "1".to_owned()),
    ];
    pair(device, &front, &back)
}

/// The entries of a disk of a guest; the device's number is that of the disk's name.
#[must_use]
pub fn disk(device: Device, disk: &Disk) -> Tree {
    let flag = |on: bool| u8::from(on).to_string();
    let back = [
        ("removable", flag(disk.removable)),
        ("bootable", "1".to_owned()),
        ("dev", disk.name.clone()),
        ("type", "phy".to_owned()),
        ("mode", if disk.writable { "w" } else { "r" }.to_owned()),
        ("device-type", "disk".to_owned()),
        ("discard-enable", flag(disk.discard)),
        ("specification", "xen".to_owned()),
        ("params", disk.path.clone()),
        ("script", NO_SCRIPT.to_owned()),
    ];
    let front = [
        ("virtual-device", device.number.to_string()),
        ("device-type", "disk".to_owned()),
        ("trusted", "1".to_owned()),
    ];
    pair(device, &front, &back)
}

type Words = (&'static str, String);

/// Both ends, each of which says where the other is. Whoever finds a `state` looks at the other
/// end at once, so both are whole before; the back end, which would take a front end without one
/// to have gone, has its own last.
fn pair(device: Device, front: &[Words], back: &[Words]) -> Tree {
    let mut tree = Tree::new();
    let (at_front, at_back) = (device.front(), device.back());
    tree.folder(&at_front, Access::Shared);
    tree.say(&at_front, "backend", &at_back);
    tree.say(&at_front, "backend-id", 0);
    say_all(&mut tree, &at_front, front);
    say_kept(&mut tree, device, back);
    tree.folder(&at_back, Access::Shown);
    say_back(&mut tree, &at_back, device, back);
    tree.say(&at_front, "state", INITIALISING);
    tree.say(&at_back, "state", INITIALISING);
    tree
}

/// What `xl` goes by; it trusts nothing that a guest or a driver domain can write.
fn say_kept(tree: &mut Tree, device: Device, back: &[Words]) {
    let at = device.kept();
    tree.say(&at, "backend", device.back());
    say_back(tree, &at, device, back);
    tree.say(&at, "state", INITIALISING);
}

fn say_back(tree: &mut Tree, at: &str, device: Device, back: &[Words]) {
    tree.say(at, "frontend", device.front());
    tree.say(at, "frontend-id", device.domain);
    tree.say(at, "online", 1);
    say_all(tree, at, back);
}

fn say_all(tree: &mut Tree, at: &str, words: &[Words]) {
    for (name, value) in words {
        tree.say(at, name, value);
    }
}

impl Device {
    /// The `number`th network interface of a guest.
    #[must_use]
    pub fn nic(domain: lightvm::xen::DomId, number: u32) -> Self {
        Device { domain, kind: Kind::Nic, number }
    }

    /// The disk of a guest with this number.
    #[must_use]
    pub fn disk(domain: lightvm::xen::DomId, number: u32) -> Self {
        Device { domain, kind: Kind::Disk, number }
    }
}
