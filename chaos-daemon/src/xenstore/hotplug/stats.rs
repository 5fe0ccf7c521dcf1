//! What went through the kernel's back ends, as sysfs shows it.

use std::fs;
use std::path::Path;

use lightvm::api::DeviceStats;

use super::super::entries::path::{Device, Kind};
use super::kernel;

/// Bytes in a sector of the block protocol.
const SECTOR: u64 = 512;

/// A device's counters; zeros where the kernel shows none.
pub fn stats(device: Device) -> DeviceStats {
    match device.kind {
        Kind::Nic => of_nic(device),
        Kind::Disk => of_disk(&kernel::folder(device).join("statistics")),
    }
}

fn of_nic(device: Device) -> DeviceStats {
    let link = format!("/sys/class/net/vif{}.{}/statistics", device.domain, device.number);
    let count = |name| read(Path::new(&link), name);
    // The host's device receives what the guest sends.
    DeviceStats {
        in_bytes: count("tx_bytes"),
        in_count: count("tx_packets"),
        out_bytes: count("rx_bytes"),
        out_count: count("rx_packets"),
        in_dropped: count("tx_dropped"),
        out_dropped: count("rx_dropped"),
        errors: count("rx_errors") + count("tx_errors"),
        ..DeviceStats::default()
    }
}

fn of_disk(folder: &Path) -> DeviceStats {
    let count = |name| read(folder, name);
    DeviceStats {
        in_bytes: count("rd_sect").saturating_mul(SECTOR),
        in_count: count("rd_req"),
        out_bytes: count("wr_sect").saturating_mul(SECTOR),
        out_count: count("wr_req"),
        flushes: count("f_req"),
        ..DeviceStats::default()
    }
}

fn read(folder: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
