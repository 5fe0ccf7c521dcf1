//! From a partial description to a guest: defaults, and what can only be checked together.

use std::num::NonZeroU16;
use std::path::Path;

use super::action::Action;
use super::cpus::CpuAffinity;
use super::devices;
use super::error::{ConfigError, Origin, ValueError, Warning};
use super::guest::GuestConfig;
use super::guest_type::GuestType;
use super::key::Key;
use super::layer::Layer;
use super::memory::MemSize;

/// `MAX_GUEST_CMDLINE` of Xen's `public/xen.h`, less its final NUL: the room in a PV guest's
/// start-info page.
const MAX_PV_CMDLINE: usize = 1023;

/// A PVH command line has no fixed room in Xen; this is a page, twice what Linux takes on x86.
const MAX_CMDLINE: usize = 4095;

/// Far longer than the name of any pool, so that messages and stored files stay small.
const MAX_POOL: usize = 255;

pub(super) fn check(layer: Layer) -> Result<(GuestConfig, Vec<Warning>), ConfigError> {
    let values = &layer.values;
    let mut warnings = Vec::new();
    let kernel = values.kernel.clone().ok_or(ConfigError::Missing { key: Key::Kernel })?;
    check_path(&layer, Key::Kernel, &kernel)?;
    if let Some(ramdisk) = &values.ramdisk {
        check_path(&layer, Key::Ramdisk, ramdisk)?;
    }
    let cmdline = values.cmdline.clone().unwrap_or_default();
    check_cmdline(&layer, &cmdline)?;
    if let Some(pool) = &values.pool {
        check_pool(&layer, pool)?;
    }
    let (memory, max_memory) = check_memory(&layer)?;
    let (vcpus, max_vcpus) = check_vcpus(&layer)?;
    let devices = devices::check(&layer)?;
    let config = GuestConfig {
        name: values.name.clone(),
        uuid: values.uuid,
        guest_type: values.guest_type,
        kernel,
        ramdisk: values.ramdisk.clone(),
        cmdline,
        memory,
        max_memory,
        vcpus,
        max_vcpus,
        cpus: check_affinity(&layer, max_vcpus, &mut warnings)?,
        cpu_weight: values.cpu_weight,
        cap: values.cap,
        pool: values.pool.clone(),
        on_poweroff: values.on_poweroff.unwrap_or(Action::Destroy),
        on_reboot: values.on_reboot.unwrap_or(Action::Restart),
        on_crash: values.on_crash.unwrap_or(Action::Destroy),
        on_watchdog: values.on_watchdog.unwrap_or(Action::Destroy),
        on_soft_reset: values.on_soft_reset.unwrap_or(Action::Destroy),
        tsc_mode: values.tsc_mode.unwrap_or_default(),
        control: values.control.unwrap_or_default(),
        user_data: devices.user_data,
        hotplug_slots: devices.hotplug_slots,
        nics: devices.nics,
        disks: devices.disks,
    };
    Ok((config, warnings))
}

fn check_path(layer: &Layer, key: Key, path: &Path) -> Result<(), ConfigError> {
    let problem = match path.to_str() {
        None => ValueError::PathNotUtf8,
        Some("") => ValueError::Empty,
        Some(path) if path.contains('\0') => ValueError::Nul,
        Some(_) => return Ok(()),
    };
    Err(layer.error(key, problem))
}

fn check_cmdline(layer: &Layer, cmdline: &str) -> Result<(), ConfigError> {
    let (max, because) = match layer.values.guest_type {
        Some(GuestType::Pv) => (MAX_PV_CMDLINE, " for a pv guest"),
        _ => (MAX_CMDLINE, ""),
    };
    let problem = if cmdline.contains('\0') {
        ValueError::Nul
    } else if cmdline.len() > max {
        ValueError::TooLong { length: cmdline.len(), max, because }
    } else {
        return Ok(());
    };
    Err(layer.error(Key::Cmdline, problem))
}

fn check_pool(layer: &Layer, pool: &str) -> Result<(), ConfigError> {
    let problem = if pool.is_empty() {
        ValueError::Empty
    } else if pool.contains('\0') {
        ValueError::Nul
    } else if pool.len() > MAX_POOL {
        ValueError::TooLong { length: pool.len(), max: MAX_POOL, because: "" }
    } else {
        return Ok(());
    };
    Err(layer.error(Key::Pool, problem))
}

fn check_memory(layer: &Layer) -> Result<(MemSize, MemSize), ConfigError> {
    let max = layer.values.max_memory;
    let memory = layer.values.memory.or(max).ok_or(ConfigError::Missing { key: Key::Memory })?;
    let max = max.unwrap_or(memory);
    if max < memory {
        let problem = below(layer, max, Key::Memory, memory);
        return Err(layer.error(Key::MaxMemory, problem));
    }
    Ok((memory, max))
}

fn check_vcpus(layer: &Layer) -> Result<(NonZeroU16, NonZeroU16), ConfigError> {
    let values = &layer.values;
    let vcpus = values.vcpus.unwrap_or(NonZeroU16::MIN);
    let max = values.max_vcpus.unwrap_or(vcpus);
    let max_key = if values.max_vcpus.is_some() { Key::MaxVcpus } else { Key::Vcpus };
    if max < vcpus {
        return Err(layer.error(Key::MaxVcpus, below(layer, max, Key::Vcpus, vcpus)));
    }
    // A guest of unknown type may turn out to be PV, which allows the most.
    let guest_type = values.guest_type.unwrap_or(GuestType::Pv);
    let most = guest_type.max_vcpus();
    if max.get() > most {
        let problem = ValueError::TooManyVcpus { value: max.get(), guest_type, max: most };
        return Err(layer.error(max_key, problem));
    }
    Ok((vcpus, max))
}

fn below(
    layer: &Layer,
    value: impl ToString,
    other: Key,
    other_value: impl ToString,
) -> ValueError {
    ValueError::Below {
        value: value.to_string(),
        other,
        other_value: other_value.to_string(),
        other_origin: layer.origin(other),
    }
}

/// Drops sets for vCPUs that do not exist, as `xl` does, but not silently.
fn check_affinity(
    layer: &Layer,
    max_vcpus: NonZeroU16,
    warnings: &mut Vec<Warning>,
) -> Result<Option<CpuAffinity>, ConfigError> {
    let max_vcpus = usize::from(max_vcpus.get());
    let mut affinity = layer.values.cpus.clone();
    if let Some(CpuAffinity::PerVcpu(sets)) = &mut affinity {
        if sets.is_empty() {
            return Err(layer.error(Key::Cpus, ValueError::Empty));
        }
        if sets.len() > max_vcpus {
            let reason = format!(
                "{} sets of CPUs for {max_vcpus} vCPUs; those beyond are ignored",
                sets.len()
            );
            sets.truncate(max_vcpus);
            let origin: Origin = layer.origin(Key::Cpus);
            warnings.push(Warning { key: Key::Cpus.name().to_owned(), origin, reason });
        }
    }
    Ok(affinity)
}
