//! Where things stand in the store.

use lightvm::xen::DomId;
use uuid::Uuid;

/// Kinds of devices, by the folders of their front and back ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Network interfaces, numbered from 0.
    Nic,
    /// Disks, by the numbers of their names.
    Disk,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 2] = [Kind::Nic, Kind::Disk];

    /// The folder's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Nic => "vif",
            Kind::Disk => "vbd",
        }
    }
}

/// A device of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// Whose.
    pub domain: DomId,
    /// What it is.
    pub kind: Kind,
    /// Which of its kind.
    pub number: u32,
}

impl Device {
    /// Its front end's folder, in the guest's part of the store.
    #[must_use]
    pub fn front(self) -> String {
        format!("{}/{}/{}", devices(self.domain), self.kind.name(), self.number)
    }

    /// Its back end's folder, in dom0's part.
    #[must_use]
    pub fn back(self) -> String {
        format!("{}/{}", backs(self.domain, self.kind.name()), self.number)
    }

    /// What the toolstack keeps of it.
    #[must_use]
    pub fn kept(self) -> String {
        format!("{}/device/{}/{}", kept(self.domain), self.kind.name(), self.number)
    }
}

/// The folder of domains' own parts.
pub const DOMAINS: &str = "/local/domain";

/// The guest's own part.
#[must_use]
pub fn home(domain: DomId) -> String {
    format!("{DOMAINS}/{domain}")
}

/// The folder of its front ends.
#[must_use]
pub fn devices(domain: DomId) -> String {
    format!("/local/domain/{domain}/device")
}

/// The folder of its back ends of one kind.
#[must_use]
pub fn backs(domain: DomId, kind: &str) -> String {
    format!("{BACKENDS}/{kind}/{domain}")
}

/// Where the kernel says why it gave up the back end of a device.
#[must_use]
pub fn error(device: Device) -> String {
    format!("{}/{}", errors(device.domain, device.kind), device.number)
}

fn errors(domain: DomId, kind: Kind) -> String {
    format!("/local/domain/0/error/backend/{}/{domain}", kind.name())
}

/// dom0's back ends.
pub const BACKENDS: &str = "/local/domain/0/backend";

/// What toolstacks tell each other of a guest.
#[must_use]
pub fn kept(domain: DomId) -> String {
    format!("/libxl/{domain}")
}

/// What is known by UUID.
#[must_use]
pub fn vm(uuid: Uuid) -> String {
    format!("/vm/{uuid}")
}

/// Folders of a guest that came with its first device of a kind, innermost first.
#[must_use]
pub fn above(device: Device) -> [String; 4] {
    let Device { domain, kind, .. } = device;
    let kept = format!("{}/device", kept(domain));
    [backs(domain, kind.name()), errors(domain, kind), format!("{kept}/{}", kind.name()), kept]
}

/// Everything of a guest is under one of these; they go when it ends.
#[must_use]
pub fn roots(domain: DomId, uuid: Uuid) -> [String; 8] {
    [
        home(domain),
        backs(domain, Kind::Nic.name()),
        backs(domain, Kind::Disk.name()),
        backs(domain, CONSOLE),
        errors(domain, Kind::Nic),
        errors(domain, Kind::Disk),
        kept(domain),
        vm(uuid),
    ]
}

/// The folder of console back ends.
pub(in crate::xenstore) const CONSOLE: &str = "console";

/// Folders above [`roots`] that go with the last guest, innermost first: every toolstack removes
/// these when they are empty.
pub const BETWEEN: [&str; 8] = [
    "/local/domain/0/error/backend/vif",
    "/local/domain/0/error/backend/vbd",
    "/local/domain/0/error/backend",
    "/local/domain/0/error",
    "/local/domain/0/backend/vif",
    "/local/domain/0/backend/vbd",
    "/local/domain/0/backend/console",
    BACKENDS,
];

/// Folders that the first guest of a host brings with it, and that other toolstacks leave behind.
pub const FIRST: [&str; 2] = ["/libxl", "/vm"];
