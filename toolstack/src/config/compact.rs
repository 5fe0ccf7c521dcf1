//! A description as it is sent and written down: what it says beside the defaults. A guest is
//! described a few times before it runs, so that every key costs.
//!
//! Defaults are part of the format: with another one, guests that an earlier version wrote down would
//! become others.

use std::num::NonZeroU16;
use std::path::Path;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::action::Action;
use super::control::ControlMode;
use super::cpus::CpuAffinity;
use super::device::{Disk, Nic};
use super::devices::DEFAULT_HOTPLUG_SLOTS;
use super::guest::GuestConfig;
use super::guest_type::GuestType;
use super::memory::MemSize;
use super::name::GuestName;
use super::tsc::TscMode;

/// The keys of a [`GuestOverrides`](super::GuestOverrides), borrowed.
#[derive(Serialize)]
struct Compact<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a GuestName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<Uuid>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    guest_type: Option<GuestType>,
    kernel: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    ramdisk: Option<&'a Path>,
    #[serde(skip_serializing_if = "str::is_empty")]
    cmdline: &'a str,
    memory: MemSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_memory: Option<MemSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vcpus: Option<NonZeroU16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_vcpus: Option<NonZeroU16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<&'a CpuAffinity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_weight: Option<NonZeroU16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_poweroff: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_reboot: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_crash: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_watchdog: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_soft_reset: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tsc_mode: Option<TscMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<ControlMode>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hotplug_slots: Option<u16>,
    #[serde(skip_serializing_if = "<[Nic]>::is_empty")]
    nic: &'a [Nic],
    #[serde(skip_serializing_if = "<[Disk]>::is_empty")]
    disk: &'a [Disk],
}

/// For `#[serde(serialize_with)]`: what is read again is equal.
pub(crate) fn serialize<S: Serializer>(config: &GuestConfig, to: S) -> Result<S::Ok, S::Error> {
    let unlike = |action: Action, default| (action != default).then_some(action);
    Compact {
        name: config.name.as_ref(),
        uuid: config.uuid,
        guest_type: config.guest_type,
        kernel: &config.kernel,
        ramdisk: config.ramdisk.as_deref(),
        cmdline: &config.cmdline,
        memory: config.memory,
        max_memory: Some(config.max_memory).filter(|&max| max != config.memory),
        vcpus: Some(config.vcpus).filter(|&vcpus| vcpus != NonZeroU16::MIN),
        max_vcpus: Some(config.max_vcpus).filter(|&max| max != config.vcpus),
        cpus: config.cpus.as_ref(),
        cpu_weight: config.cpu_weight,
        cap: config.cap,
        pool: config.pool.as_deref(),
        on_poweroff: unlike(config.on_poweroff, Action::Destroy),
        on_reboot: unlike(config.on_reboot, Action::Restart),
        on_crash: unlike(config.on_crash, Action::Destroy),
        on_watchdog: unlike(config.on_watchdog, Action::Destroy),
        on_soft_reset: unlike(config.on_soft_reset, Action::Destroy),
        tsc_mode: Some(config.tsc_mode).filter(|&mode| mode != TscMode::default()),
        control: Some(config.control).filter(|&control| control != ControlMode::default()),
        user_data: &config.user_data,
        hotplug_slots: Some(config.hotplug_slots).filter(|&slots| slots != DEFAULT_HOTPLUG_SLOTS),
        nic: &config.nics,
        disk: &config.disks,
    }
    .serialize(to)
}
