//! A partial description of a guest: what one input says, before anything is checked together.

use std::num::NonZeroU16;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::action::Action;
use super::control::ControlMode;
use super::cpus::CpuAffinity;
use super::device::{Disk, Nic};
use super::guest_type::GuestType;
use super::key::Key;
use super::memory::MemSize;
use super::name::GuestName;
use super::tsc::TscMode;

/// Any part of a guest's description. The command line fills one; files are read into one; a
/// [`GuestConfig`](super::GuestConfig) is stored as one.
///
/// Each field is valid by itself (its type sees to that; text fields are checked with the rest).
/// `None` leaves the key to the input below, or to its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestOverrides {
    /// The guest's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<GuestName>,
    /// The guest's UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// How it is virtualised.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub guest_type: Option<GuestType>,
    /// The kernel image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<PathBuf>,
    /// The initial RAM disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk: Option<PathBuf>,
    /// The kernel's command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// Memory at start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemSize>,
    /// The most memory it can ever have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<MemSize>,
    /// vCPUs online at start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpus: Option<NonZeroU16>,
    /// The most vCPUs it can ever have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_vcpus: Option<NonZeroU16>,
    /// The host CPUs its vCPUs may run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<CpuAffinity>,
    /// Scheduler weight; 256 is the scheduler's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_weight: Option<NonZeroU16>,
    /// Most CPU time, in percent of one CPU; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u16>,
    /// The CPU pool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// What to do after it powers off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_poweroff: Option<Action>,
    /// What to do after it asks for a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_reboot: Option<Action>,
    /// What to do after it crashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_crash: Option<Action>,
    /// What to do after its watchdog fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_watchdog: Option<Action>,
    /// What to do after it asks for a soft reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_soft_reset: Option<Action>,
    /// How it reads the time-stamp counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsc_mode: Option<TscMode>,
    /// By which channel it and its host talk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlMode>,
    /// Text handed to the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Places kept free for devices that come later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotplug_slots: Option<u16>,
    /// Its network interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<Vec<Nic>>,
    /// Its disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Vec<Disk>>,
}

impl GuestOverrides {
    /// This description, with `base` filling what it leaves open.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            name: self.name.or(base.name),
            uuid: self.uuid.or(base.uuid),
            guest_type: self.guest_type.or(base.guest_type),
            kernel: self.kernel.or(base.kernel),
            ramdisk: self.ramdisk.or(base.ramdisk),
            cmdline: self.cmdline.or(base.cmdline),
            memory: self.memory.or(base.memory),
            max_memory: self.max_memory.or(base.max_memory),
            vcpus: self.vcpus.or(base.vcpus),
            max_vcpus: self.max_vcpus.or(base.max_vcpus),
            cpus: self.cpus.or(base.cpus),
            cpu_weight: self.cpu_weight.or(base.cpu_weight),
            cap: self.cap.or(base.cap),
            pool: self.pool.or(base.pool),
            on_poweroff: self.on_poweroff.or(base.on_poweroff),
            on_reboot: self.on_reboot.or(base.on_reboot),
            on_crash: self.on_crash.or(base.on_crash),
            on_watchdog: self.on_watchdog.or(base.on_watchdog),
            on_soft_reset: self.on_soft_reset.or(base.on_soft_reset),
            tsc_mode: self.tsc_mode.or(base.tsc_mode),
            control: self.control.or(base.control),
            user_data: self.user_data.or(base.user_data),
            hotplug_slots: self.hotplug_slots.or(base.hotplug_slots),
            nic: self.nic.or(base.nic),
            disk: self.disk.or(base.disk),
        }
    }

    /// Whether this description says anything about `key`.
    #[must_use]
    pub const fn is_set(&self, key: Key) -> bool {
        match key {
            Key::Name => self.name.is_some(),
            Key::Uuid => self.uuid.is_some(),
            Key::Type => self.guest_type.is_some(),
            Key::Kernel => self.kernel.is_some(),
            Key::Ramdisk => self.ramdisk.is_some(),
            Key::Cmdline => self.cmdline.is_some(),
            Key::Memory => self.memory.is_some(),
            Key::MaxMemory => self.max_memory.is_some(),
            Key::Vcpus => self.vcpus.is_some(),
            Key::MaxVcpus => self.max_vcpus.is_some(),
            Key::Cpus => self.cpus.is_some(),
            Key::CpuWeight => self.cpu_weight.is_some(),
            Key::Cap => self.cap.is_some(),
            Key::Pool => self.pool.is_some(),
            Key::OnPoweroff => self.on_poweroff.is_some(),
            Key::OnReboot => self.on_reboot.is_some(),
            Key::OnCrash => self.on_crash.is_some(),
            Key::OnWatchdog => self.on_watchdog.is_some(),
            Key::OnSoftReset => self.on_soft_reset.is_some(),
            Key::TscMode => self.tsc_mode.is_some(),
            Key::Control => self.control.is_some(),
            Key::UserData => self.user_data.is_some(),
            Key::HotplugSlots => self.hotplug_slots.is_some(),
            Key::Nic => self.nic.is_some(),
            Key::Disk => self.disk.is_some(),
        }
    }
}
