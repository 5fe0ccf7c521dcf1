//! A guest's devices: network interfaces and disks.
//!
//! Each can be written in three ways, which all end in the same fields: a TOML table, an option
//! of `lvm`, and an item of `xl.cfg`'s lists.

mod disk;
mod disk_rate;
mod error;
mod fields;
mod mac;
mod nic;
mod rate;
mod vdev;
mod xl_disk;
mod xl_vif;

pub use disk::Disk;
pub use disk_rate::DiskRate;
pub use error::DeviceError;
pub use nic::Nic;
pub use rate::Rate;
pub use vdev::Vdev;

use super::error::ValueError;
use super::value::RawValue;

/// The most network interfaces and disks together: the noxs device table has 32 slots and the
/// console takes one.
pub const MAX_DEVICES: usize = 31;

/// Reads the list `value`, one item after the other, with `read`.
pub(super) fn list<T>(
    value: RawValue,
    expected: &'static str,
    read: impl Fn(RawValue) -> Result<T, DeviceError>,
) -> Result<Vec<T>, ValueError> {
    let RawValue::List(items) = value else { return Err(value.not(expected)) };
    let mut read_all = Vec::with_capacity(items.len().min(MAX_DEVICES));
    for (number, item) in (1..).zip(items) {
        if number > MAX_DEVICES {
            return Err(ValueError::TooManyDevices { count: number, max: MAX_DEVICES });
        }
        read_all.push(read(item).map_err(|problem| ValueError::Device { number, problem })?);
    }
    Ok(read_all)
}
