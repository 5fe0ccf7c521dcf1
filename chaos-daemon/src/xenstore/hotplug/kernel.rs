//! The kernel's back ends, as sysfs shows them.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::entries::path::{Device, Kind};
use super::super::error::HotplugError;

/// As long as `xl` waits.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// Makes sure that the kernel serves devices of this kind.
///
/// # Errors
/// [`HotplugError::NoBackend`].
pub fn is_loaded(kind: Kind) -> Result<(), HotplugError> {
    let module = match kind {
        Kind::Nic => "netback",
        Kind::Disk => "blkback",
    };
    let driver = format!("/sys/bus/xen-backend/drivers/{}", kind.name());
    if Path::new(&driver).exists() { Ok(()) } else { Err(HotplugError::NoBackend(module)) }
}

/// The device's folder in sysfs.
pub(super) fn folder(device: Device) -> PathBuf {
    format!("/sys/bus/xen-backend/devices/{}", name(device)).into()
}

/// As the kernel names it.
pub(super) fn name(device: Device) -> String {
    format!("{}-{}-{}", device.kind.name(), device.domain, device.number)
}

/// Waits until `path` is there. `refusal` gives the back end's own words when it gave up.
pub(super) fn await_there(
    device: Device,
    path: &Path,
    refusal: impl Fn() -> Option<String>,
) -> Result<(), HotplugError> {
    let end = Instant::now() + PATIENCE;
    while !path.exists() {
        if let Some(reason) = refusal() {
            return Err(HotplugError::Refused { device: name(device), reason });
        }
        if Instant::now() > end {
            return Err(silent(device));
        }
        sleep(PAUSE);
    }
    Ok(())
}

/// Waits until the kernel's back end has let go of the device.
///
/// # Errors
/// [`HotplugError::Silent`] when it does not.
pub fn await_gone(device: Device) -> Result<(), HotplugError> {
    let folder = folder(device);
    let end = Instant::now() + PATIENCE;
    while folder.exists() {
        if Instant::now() > end {
            return Err(silent(device));
        }
        sleep(PAUSE);
    }
    Ok(())
}

fn silent(device: Device) -> HotplugError {
    HotplugError::Silent { device: name(device), seconds: PATIENCE.as_secs() }
}
