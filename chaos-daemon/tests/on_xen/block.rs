//! Disks: no acknowledged write is lost, holes are kept, a writer is alone.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use lightvm::api::{CreateRequest, Wait};
use lightvm::config::{Disk, GuestConfig, GuestOverrides, GuestType};

use crate::harness::{Chaosd, disk, native, run};

const RECORD: u64 = 4096;

/// The last record that the guest has said to be acknowledged.
fn acknowledged(output: &str) -> u64 {
    let last = output.lines().rev().find_map(|line| line.trim().split("acknowledged ").nth(1));
    last.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Record `n` stands at 4 KiB times `n`, modulo the size of the disk; a later one may stand
/// there by now.
fn missing(path: &Path, first: u64, last: u64, records: u64) -> Vec<u64> {
    let file = File::open(path).expect("the image");
    let is_missing = |&number: &u64| {
        let mut record = [0; 4096];
        file.read_exact_at(&mut record, number % records * RECORD).expect("read");
        record.chunks(8).any(|word| {
            let found = u64::from_le_bytes(word.try_into().expect("8 bytes"));
            found < number || found % records != number % records
        })
    };
    (first..=last).filter(is_missing).collect()
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_killed_daemon_loses_no_acknowledged_write() {
    const RECORDS: u64 = 1024;
    let mut chaosd = Chaosd::start();
    let path = chaosd.path("records");
    let config = GuestOverrides {
        disk: Some(disk(&path, RECORDS * RECORD).expect("a disk")),
        ..native("blockio", GuestType::Pvh, "records", "records count=1000000 batch=32")
    };
    chaosd.create(config, Wait::None);
    let mut before = 0;
    for round in 0..5 {
        chaosd.wait_for_output("records", "acknowledged");
        std::thread::sleep(Duration::from_millis(150 + 70 * round));
        let acknowledged = acknowledged(&chaosd.output("records"));
        assert!(acknowledged > before, "round {round}: stuck at {acknowledged}");
        chaosd.kill_and_restart();
        let first = acknowledged.saturating_sub(RECORDS - 1).max(1);
        let missing = missing(&path, first, acknowledged, RECORDS);
        assert!(missing.is_empty(), "round {round}: {missing:?}");
        before = acknowledged;
    }
    let stats = chaosd.client.stats("records").expect("counters");
    assert_eq!(stats.disks[0].errors, 0);
    chaosd.client.destroy("records").expect("destroyed");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn discarding_gives_the_space_back() {
    let chaosd = Chaosd::start();
    let path = chaosd.path("sparse");
    let config = GuestOverrides {
        disk: Some(disk(&path, 64 << 20).expect("a disk")),
        ..native("blockio", GuestType::Pvh, "sparse", "verify size=4096 discard idle")
    };
    chaosd.create(config, Wait::None);
    let output = chaosd.wait_for_output("sparse", "blockio: done");
    assert!(output.contains("zeros: true"), "{output}");
    let used = std::fs::metadata(&path).expect("the image").blocks() * 512;
    assert!(used <= 4 << 20, "{used} bytes of a sparse image are in use");
    let disks = chaosd.client.stats("sparse").expect("counters").disks;
    assert!(disks[0].flushes > 0 && disks[0].errors == 0, "{disks:?}");
}

/// A block device that gives its space back when it is not needed any more.
struct LoopDevice(String);

impl LoopDevice {
    fn over(file: &Path) -> LoopDevice {
        let shown = run(&format!("modprobe loop; losetup --find --show {}", file.display()));
        LoopDevice(shown.trim().to_owned())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        run(&format!("losetup --detach {}", self.0));
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_block_device_is_a_disk_too() {
    let mut chaosd = Chaosd::start();
    let file = chaosd.path("behind");
    disk(&file, 16 << 20).expect("a file");
    let device = LoopDevice::over(&file);
    let config = GuestOverrides {
        disk: Some(vec![Disk::new(&device.0)]),
        ..native("blockio", GuestType::Pvh, "device", "verify discard records count=100 check idle")
    };
    chaosd.create(config, Wait::None);
    let output = chaosd.wait_for_output("device", "blockio: done");
    for line in ["verified 16384 KiB", "zeros: true", "acknowledged 100", "checked 100 records"] {
        assert!(output.contains(line), "{line:?} is not in {output:?}");
    }
    assert!(missing(Path::new(&device.0), 1, 100, 4096).is_empty());
    chaosd.kill_and_restart();
    let disks = chaosd.client.stats("device").expect("counters").disks;
    assert_eq!(disks[0].errors, 0, "{disks:?}");
    chaosd.client.destroy("device").expect("destroyed");
    drop(device);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_disk_has_one_writer_or_many_readers() {
    let chaosd = Chaosd::start();
    let disks = disk(&chaosd.path("shared"), 1 << 20).expect("a disk");
    let guest = |name: &str, writable| {
        let mut disks = disks.clone();
        disks[0].writable = writable;
        GuestOverrides { disk: Some(disks), ..native("blockio", GuestType::Pvh, name, "idle") }
    };
    chaosd.create(guest("writer", true), Wait::Ready);
    for writable in [true, false] {
        let config = GuestConfig::from_overrides(guest("other", writable)).expect("sound").config;
        let request = CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false };
        let refused = chaosd.client.create(&request).expect_err("refused").to_string();
        assert!(refused.contains("shared is in use by guest writer"), "{refused}");
    }
    chaosd.client.destroy("writer").expect("destroyed");
    chaosd.create(guest("first", false), Wait::Ready);
    chaosd.create(guest("second", false), Wait::Ready);
}
