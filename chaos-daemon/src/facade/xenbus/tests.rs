//! What front ends do, in the order of their sources.

use super::*;

const GUEST: u16 = 7;

struct Host {
    store: Store,
    bus: Bus,
}

fn net() -> Device {
    Device::Net(NetDevice {
        index: 0,
        mac: [0, 0x16, 0x3e, 1, 2, 0xff],
        mtu: Some(9000),
        scatter: true,
        segmentation: true,
    })
}

fn disk() -> Device {
    disk_with(&[("sectors", "2048"), ("feature-persistent", "1")])
}

fn disk_with(offer: &[(&str, &str)]) -> Device {
    let offer = offer.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Device::Block(BlockDevice {
        number: 51712,
        name: "xvda".into(),
        writable: true,
        removable: false,
        offer,
    })
}

impl Host {
    fn with(device: Device) -> Host {
        let mut host = Host { store: Store::new(GUEST), bus: Bus::default() };
        host.bus.add(&mut host.store, device);
        host
    }

    fn front(&mut self, key: Key, name: &str, value: &str) -> Vec<BusEvent> {
        let path = front_folder(&self.store, key).join(name);
        self.store.update(&path, value);
        self.bus.changed(&mut self.store, &path).host
    }

    fn state(&self, key: Key) -> &str {
        self.store.text(&back_folder(&self.store, key).join("state")).unwrap()
    }

    fn write_rings(&mut self, key: Key) {
        let nodes: &[_] = match key.kind {
            DeviceKind::Net => &[
                ("tx-ring-ref", "8"),
                ("rx-ring-ref", "9"),
                ("event-channel", "5"),
                ("request-rx-copy", "1"),
                ("feature-sg", "1"),
                ("feature-gso-tcpv4", "1"),
            ],
            DeviceKind::Block => {
                &[("ring-ref", "8"), ("event-channel", "5"), ("protocol", "x86_64-abi")]
            }
        };
        for (name, value) in nodes {
            self.front(key, name, value);
        }
    }

    fn open(&mut self, key: Key) {
        self.write_rings(key);
        let state = if key.kind == DeviceKind::Net { "4" } else { "3" };
        let asked = self.front(key, "state", state);
        assert!(matches!(asked[..], [BusEvent::Attach { .. }]), "{asked:?}");
        assert_eq!(self.state(key), "2");
        self.bus.attached(&mut self.store, key);
        assert_eq!(self.state(key), "4");
        assert_eq!(self.front(key, "state", "4"), []);
    }
}

fn detach(key: Key) -> Vec<BusEvent> {
    vec![BusEvent::Detach { device: key }]
}

#[test]
fn a_new_device_waits_with_all_its_nodes() {
    let host = Host::with(net());
    let read = |path: &str| host.store.text(&Path::absolute(path).unwrap()).map(str::to_owned);
    assert_eq!(
        read("/local/domain/7/device/vif/0/backend").unwrap(),
        "/local/domain/0/backend/vif/7/0"
    );
    assert_eq!(read("/local/domain/7/device/vif/0/mac").unwrap(), "00:16:3e:01:02:ff");
    assert_eq!(read("/local/domain/7/device/vif/0/mtu").unwrap(), "9000");
    assert_eq!(read("/local/domain/7/device/vif/0/state").unwrap(), "1");
    assert_eq!(read("/local/domain/0/backend/vif/7/0/state").unwrap(), "2");
    assert_eq!(read("/local/domain/0/backend/vif/7/0/feature-rx-copy").unwrap(), "1");
    assert_eq!(
        read("/local/domain/0/backend/vif/7/0/frontend").unwrap(),
        "/local/domain/7/device/vif/0"
    );
    let host = Host::with(disk());
    let sectors = Path::absolute("/local/domain/0/backend/vbd/7/51712/sectors").unwrap();
    assert_eq!(host.store.text(&sectors), Some("2048"));
}

#[test]
fn linux_connects_its_network_device() {
    let mut host = Host::with(net());
    let key = net().key();
    host.front(key, "state", "1");
    host.write_rings(key);
    let asked = host.front(key, "state", "4");
    let front = NetFront {
        tx: 8,
        rx: 9,
        port: 5,
        scatter: true,
        segmentation_v4: true,
        segmentation_v6: false,
        checksum_v4: true,
        checksum_v6: false,
    };
    assert_eq!(asked, [BusEvent::Attach { device: key, front: Front::Net(front) }]);
}

#[test]
fn a_boot_loader_hands_its_disk_over() {
    let mut host = Host::with(disk());
    let key = disk().key();
    host.open(key);
    // GRUB closes at once and waits for 6, writes 1 and waits for 2.
    assert_eq!(host.front(key, "state", "6"), detach(key));
    assert_eq!(host.state(key), "5");
    host.bus.detached(&mut host.store, key);
    assert_eq!(host.state(key), "6");
    assert_eq!(host.front(key, "state", "1"), []);
    assert_eq!(host.state(key), "2");
    host.open(key);
}

#[test]
fn a_driver_is_unbound_and_bound() {
    for device in [net(), disk()] {
        let key = device.key();
        let mut host = Host::with(device);
        host.open(key);
        assert_eq!(host.front(key, "state", "5"), detach(key));
        host.bus.detached(&mut host.store, key);
        assert_eq!(host.state(key), "5");
        assert_eq!(host.front(key, "state", "6"), []);
        assert_eq!(host.state(key), "6");
        host.front(key, "state", "1");
        host.open(key);
    }
}

#[test]
fn a_crashed_guests_next_kernel_begins_anew() {
    let mut host = Host::with(disk());
    let key = disk().key();
    host.open(key);
    assert_eq!(host.front(key, "state", "1"), detach(key));
    host.bus.detached(&mut host.store, key);
    assert_eq!(host.state(key), "2");
    host.open(key);
}

#[test]
fn the_guest_is_asked_to_let_go_of_a_device() {
    let mut host = Host::with(disk());
    let key = disk().key();
    host.open(key);
    assert_eq!(host.bus.remove(&mut host.store, key).host, []);
    assert_eq!(host.state(key), "5");
    assert_eq!(host.front(key, "state", "5"), detach(key));
    host.bus.detached(&mut host.store, key);
    assert_eq!(host.front(key, "state", "6"), [BusEvent::Removed { device: key }]);
    assert_eq!(
        host.store.children(&Path::absolute("/local/domain/7/device/vbd").unwrap()),
        [""; 0]
    );
    assert_eq!(host.bus.devices().count(), 0);
}

#[test]
fn an_unused_device_goes_at_once() {
    let mut host = Host::with(net());
    let gone = host.bus.remove(&mut host.store, net().key());
    assert_eq!(gone.host, [BusEvent::Removed { device: net().key() }]);
}

#[test]
fn a_device_may_be_torn_away() {
    let mut host = Host::with(disk());
    let key = disk().key();
    host.open(key);
    let gone = host.bus.remove_now(&mut host.store, key).host;
    assert_eq!(gone, [BusEvent::Detach { device: key }, BusEvent::Removed { device: key }]);
}

#[test]
fn bad_front_ends_are_told_why() {
    let key = disk().key();
    for (name, value, error) in [
        ("ring-ref", "x", "the front end's ring-ref is no number"),
        ("ring-ref", "-1", "the front end's ring-ref is no number"),
        ("ring-page-order", "5", "the front end asks for a ring of more than 16 pages"),
        ("ring-page-order", "1", "the front end did not write ring-ref0"),
        ("num-ring-pages", "3", "the front end asks for a ring of more than 16 pages"),
        (
            "protocol",
            "vax-abi",
            "the front end asks for a protocol other than x86_64-abi and x86_32-abi",
        ),
    ] {
        let mut host = Host::with(disk());
        host.write_rings(key);
        host.front(key, name, value);
        let asked = host.front(key, "state", "3");
        assert!(matches!(asked[..], [BusEvent::Unfit { .. }]), "{asked:?}");
        assert_eq!(host.state(key), "5");
        let node = back_folder(&host.store, key).join("error");
        assert_eq!(host.store.text(&node), Some(error));
    }
}

#[test]
fn a_ring_of_several_pages() {
    let mut host = Host::with(disk());
    let key = disk().key();
    for (name, value) in
        [("ring-page-order", "1"), ("ring-ref0", "8"), ("ring-ref1", "3"), ("event-channel", "5")]
    {
        host.front(key, name, value);
    }
    host.front(key, "feature-persistent", "1");
    let abi = BlockAbi::X86_64;
    let front = BlockFront { ring: vec![8, 3], port: 5, abi, persistent: true };
    let asked = host.front(key, "state", "3");
    assert_eq!(asked, [BusEvent::Attach { device: key, front: Front::Block(front) }]);
}

/// An earlier daemon did not offer it, and Linux says 1 in any case.
#[test]
fn grants_stay_only_where_that_was_offered() {
    for (offer, persistent) in [("1", true), ("0", false)] {
        let disk = disk_with(&[("sectors", "2048"), ("feature-persistent", offer)]);
        let key = disk.key();
        let mut host = Host::with(disk);
        host.write_rings(key);
        host.front(key, "feature-persistent", "1");
        let asked = host.front(key, "state", "3");
        let [BusEvent::Attach { front: Front::Block(front), .. }] = &asked[..] else {
            panic!("{asked:?}")
        };
        assert_eq!(front.persistent, persistent);
    }
}

#[test]
fn a_refused_device_closes_and_may_be_tried_again() {
    let mut host = Host::with(net());
    let key = net().key();
    host.write_rings(key);
    host.front(key, "state", "4");
    host.bus.refused(&mut host.store, key, "the ring cannot be mapped");
    assert_eq!(host.state(key), "5");
    host.front(key, "state", "6");
    host.front(key, "state", "1");
    host.open(key);
}

#[test]
fn a_new_daemon_attaches_what_was_attached() {
    let mut host = Host::with(disk());
    let key = disk().key();
    assert_eq!(host.bus.resume(), []);
    host.open(key);
    assert!(matches!(host.bus.resume()[..], [BusEvent::Attach { .. }]));
    // The guest's nodes may say something else by now: what counts is what it said then.
    host.front(key, "ring-ref", "77");
    let [BusEvent::Attach { front: Front::Block(front), .. }] = &host.bus.resume()[..] else {
        panic!("not attached");
    };
    assert_eq!(front.ring, [8]);
    host.front(key, "state", "5");
    assert_eq!(host.bus.resume(), detach(key));
}
