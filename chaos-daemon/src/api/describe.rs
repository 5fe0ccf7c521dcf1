//! What the API says of a guest.

use std::net::IpAddr;

use lightvm::api::{DiskInfo, GuestInfo, GuestSummary, NicInfo, Stats};
use lightvm::config::{Disk, Nic};

use crate::daemon::Daemon;
use crate::guests::{DeviceKind, DeviceRecord, Guest};
use crate::shard::Status;

/// The place of a guest's console among its devices.
const CONSOLE: u8 = 0;

/// What a guest does, and what went through its devices.
type Look = (Status, Stats);

/// A guest in a list.
pub(super) fn summary(daemon: &Daemon, guest: &Guest) -> GuestSummary {
    // It may have been renamed since it was made.
    let now = daemon.lifecycle.registry().record(guest.uuid);
    let named = fresh(guest);
    GuestSummary { name: now.map_or(named.name.clone(), |record| record.name), ..named }
}

/// A guest that was just made.
pub(super) fn fresh(guest: &Guest) -> GuestSummary {
    let life = &guest.life.record;
    let status = guest.status.borrow().clone();
    let record = guest.record.lock();
    GuestSummary {
        name: life.name.clone(),
        uuid: guest.uuid,
        domid: life.domid.0,
        guest_type: life.guest_type,
        control: record.control,
        report: status.report,
        addresses: addresses(status, &record.devices),
    }
}

/// Those the guest reports, or else those it was given.
fn addresses(status: Status, devices: &[DeviceRecord]) -> Vec<IpAddr> {
    if !status.addresses.is_empty() {
        return status.addresses;
    }
    let given = devices.iter().filter_map(|device| match &device.kind {
        DeviceKind::Nic { config, .. } => Some(&config.addresses),
        DeviceKind::KernelNic(nic) => Some(&nic.addresses),
        DeviceKind::Disk(_) => None,
    });
    given.flatten().map(ipnet::IpNet::addr).collect()
}

/// Everything about a guest.
pub(super) fn info(daemon: &Daemon, guest: &Guest, (status, stats): &Look) -> GuestInfo {
    GuestInfo {
        summary: summary(daemon, guest),
        config: guest.life.record.config.clone(),
        nics: nics(guest, status, stats),
        disks: disks(guest, status, stats),
        console_fault: fault(status, CONSOLE),
        store_fault: status.store_fault.clone(),
        report_code: Some(status.code).filter(|&code| code != 0),
        console_viewers: daemon.consoles.viewers(guest.uuid).try_into().unwrap_or(u32::MAX),
        shard: u32::try_from(guest.shard).unwrap_or(u32::MAX),
    }
}

/// Its network interfaces.
pub(super) fn nics(guest: &Guest, status: &Status, stats: &Stats) -> Vec<NicInfo> {
    let record = guest.record.lock();
    let nics = record.devices.iter().filter_map(|device| match &device.kind {
        DeviceKind::Nic { nic, config } => Some((device, filled(nic, config))),
        DeviceKind::KernelNic(nic) => Some((device, (**nic).clone())),
        DeviceKind::Disk(_) => None,
    });
    let info = |((device, nic), n): ((&DeviceRecord, Nic), usize)| NicInfo {
        index: device.index,
        nic,
        connected: is_connected(status, device),
        fault: fault(status, device.slot),
        stats: stats.nics.get(n).copied().unwrap_or_default(),
    };
    nics.zip(0..).map(info).collect()
}

/// What was asked for with what the network gave.
fn filled(nic: &Nic, config: &crate::net::NetConfig) -> Nic {
    Nic {
        mac: Some(config.mac),
        addresses: config.addresses.clone(),
        gateway4: config.gateway4,
        gateway6: config.gateway6,
        mtu: Some(config.mtu),
        ..nic.clone()
    }
}

/// Its disks.
pub(super) fn disks(guest: &Guest, status: &Status, stats: &Stats) -> Vec<DiskInfo> {
    let record = guest.record.lock();
    let disks = record.devices.iter().filter_map(|device| match &device.kind {
        DeviceKind::Disk(disk) => Some((device, disk)),
        DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => None,
    });
    let info = |((device, disk), n): ((&DeviceRecord, &Disk), usize)| DiskInfo {
        index: device.index,
        size: size(&disk.path),
        disk: disk.clone(),
        connected: is_connected(status, device),
        fault: fault(status, device.slot),
        stats: stats.disks.get(n).copied().unwrap_or_default(),
    };
    disks.zip(0..).map(info).collect()
}

/// Bytes of a disk; 0 when it cannot be said.
fn size(path: &std::path::Path) -> u64 {
    use std::io::{Seek, SeekFrom};
    // Block devices have their size at their end only.
    std::fs::File::open(path).and_then(|mut file| file.seek(SeekFrom::End(0))).unwrap_or(0)
}

fn is_connected(status: &Status, device: &DeviceRecord) -> bool {
    status.connected & (1 << device.slot) != 0
}

fn fault(status: &Status, slot: u8) -> Option<String> {
    let fault = status.faults.iter().find(|(of, _)| *of == slot);
    fault.map(|(_, fault)| fault.to_string())
}
