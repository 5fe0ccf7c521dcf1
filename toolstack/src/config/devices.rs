//! What can only be checked of a guest's devices together.

use super::control::ControlMode;
use super::device::{DeviceError, Disk, MAX_DEVICES, Nic, Vdev};
use super::error::{ConfigError, ValueError};
use super::key::Key;
use super::layer::Layer;

/// The most bytes handed to a guest: what does not fit the noxs page takes pages of the guest's
/// memory, at most 16.
const MAX_USER_DATA: usize = 64 << 10;

/// Slots kept free for devices that come later when the configuration does not say.
pub(super) const DEFAULT_HOTPLUG_SLOTS: u16 = 2;

/// The keys about devices, checked.
pub(super) struct Devices {
    pub(super) user_data: String,
    pub(super) hotplug_slots: u16,
    pub(super) nics: Vec<Nic>,
    pub(super) disks: Vec<Disk>,
}

pub(super) fn check(layer: &Layer) -> Result<Devices, ConfigError> {
    let values = &layer.values;
    let user_data = values.user_data.clone().unwrap_or_default();
    check_user_data(layer, &user_data)?;
    let nics = values.nic.clone().unwrap_or_default();
    check_nics(layer, &nics)?;
    let mut disks = values.disk.clone().unwrap_or_default();
    name_disks(layer, &mut disks)?;
    check_channel(layer)?;
    let hotplug_slots = check_count(layer, nics.len() + disks.len())?;
    Ok(Devices { user_data, hotplug_slots, nics, disks })
}

fn check_user_data(layer: &Layer, text: &str) -> Result<(), ConfigError> {
    let problem = if text.contains('\0') {
        ValueError::Nul
    } else if text.len() > MAX_USER_DATA {
        ValueError::TooLong { length: text.len(), max: MAX_USER_DATA, because: "" }
    } else {
        return Ok(());
    };
    Err(layer.error(Key::UserData, problem))
}

fn check_nics(layer: &Layer, nics: &[Nic]) -> Result<(), ConfigError> {
    for (number, nic) in (1..).zip(nics) {
        let problem = match nic.check() {
            Err(problem) => problem,
            Ok(()) => {
                match nics[..number - 1].iter().position(|n| n.mac.is_some() && n.mac == nic.mac) {
                    None => continue,
                    Some(before) => taken("mac", nic.mac.map(|mac| mac.to_string()), before),
                }
            }
        };
        return Err(layer.error(Key::Nic, ValueError::Device { number, problem }));
    }
    Ok(())
}

/// Checks disks and gives those without a name the first free one.
fn name_disks(layer: &Layer, disks: &mut [Disk]) -> Result<(), ConfigError> {
    for index in 0..disks.len() {
        let disk = &disks[index];
        let same = |other: &Disk| other.vdev.is_some() && other.vdev == disk.vdev;
        let problem = match disk.check() {
            Err(problem) => problem,
            Ok(()) => match disks[..index].iter().position(same) {
                None => continue,
                Some(before) => taken("vdev", disk.vdev.as_ref().map(ToString::to_string), before),
            },
        };
        return Err(layer.error(Key::Disk, ValueError::Device { number: index + 1, problem }));
    }
    for index in 0..disks.len() {
        if disks[index].vdev.is_none() {
            let is_free = |vdev: &Vdev| disks.iter().all(|disk| disk.vdev.as_ref() != Some(vdev));
            disks[index].vdev = (0..).map(Vdev::nth).find(is_free);
        }
    }
    Ok(())
}

fn taken(field: &'static str, value: Option<String>, index: usize) -> DeviceError {
    DeviceError::Taken { field, value: value.unwrap_or_default(), other: index + 1 }
}

fn check_channel(layer: &Layer) -> Result<(), ConfigError> {
    let values = &layer.values;
    if values.control != Some(ControlMode::None) {
        return Ok(());
    }
    let problem = || ValueError::NoChannel(layer.origin(Key::Control));
    if values.nic.as_ref().is_some_and(|nics| !nics.is_empty()) {
        return Err(layer.error(Key::Nic, problem()));
    }
    if values.disk.as_ref().is_some_and(|disks| !disks.is_empty()) {
        return Err(layer.error(Key::Disk, problem()));
    }
    Ok(())
}

/// The slots kept free; by default as many as there are up to two.
fn check_count(layer: &Layer, devices: usize) -> Result<u16, ConfigError> {
    let left = MAX_DEVICES.saturating_sub(devices);
    let slots = layer.values.hotplug_slots;
    let count = devices + usize::from(slots.unwrap_or(0));
    if count > MAX_DEVICES {
        let key = if slots.is_some() { Key::HotplugSlots } else { Key::Nic };
        return Err(layer.error(key, ValueError::TooManyDevices { count, max: MAX_DEVICES }));
    }
    let default = DEFAULT_HOTPLUG_SLOTS.min(u16::try_from(left).unwrap_or(u16::MAX));
    Ok(slots.unwrap_or(default))
}
