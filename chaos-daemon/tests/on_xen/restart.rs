//! A daemon that ends, and the next one.

use std::time::{Duration, Instant};

use lightvm::api::Wait;
use lightvm::config::GuestType;

use crate::harness::{Chaosd, native};

/// A daemon that ends in good order leaves its guests running, too.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_outlive_a_daemon_that_is_told_to_end() {
    let mut chaosd = Chaosd::start();
    let config = native("hostile", GuestType::Pvh, "stays", "idle");
    let guest = chaosd.create(config, Wait::None);
    let began = Instant::now();
    chaosd.terminate_and_restart();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(chaosd.info("stays").map(|info| info.summary.domid), Some(guest.domid));
}
