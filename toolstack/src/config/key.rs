//! The keys of a guest configuration.

use std::fmt;

/// A key, with its name in each kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "`docs/configuration.md` describes each, by the same name")]
pub enum Key {
    Name,
    Uuid,
    Type,
    Kernel,
    Ramdisk,
    Cmdline,
    Memory,
    MaxMemory,
    Vcpus,
    MaxVcpus,
    Cpus,
    CpuWeight,
    Cap,
    Pool,
    OnPoweroff,
    OnReboot,
    OnCrash,
    OnWatchdog,
    OnSoftReset,
    TscMode,
    Control,
    UserData,
    HotplugSlots,
    Nic,
    Disk,
}

impl Key {
    /// Every key, in the order in which a configuration is written.
    pub const ALL: [Self; 25] = [
        Self::Name,
        Self::Uuid,
        Self::Type,
        Self::Kernel,
        Self::Ramdisk,
        Self::Cmdline,
        Self::Memory,
        Self::MaxMemory,
        Self::Vcpus,
        Self::MaxVcpus,
        Self::Cpus,
        Self::CpuWeight,
        Self::Cap,
        Self::Pool,
        Self::OnPoweroff,
        Self::OnReboot,
        Self::OnCrash,
        Self::OnWatchdog,
        Self::OnSoftReset,
        Self::TscMode,
        Self::Control,
        Self::UserData,
        Self::HotplugSlots,
        Self::Nic,
        Self::Disk,
    ];

    /// The key in TOML, in stored configurations and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Uuid => "uuid",
            Self::Type => "type",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
            Self::Cmdline => "cmdline",
            Self::Memory => "memory",
            Self::MaxMemory => "max_memory",
            Self::Vcpus => "vcpus",
            Self::MaxVcpus => "max_vcpus",
            Self::Cpus => "cpus",
            Self::CpuWeight => "cpu_weight",
            Self::Cap => "cap",
            Self::Pool => "pool",
            Self::OnPoweroff => "on_poweroff",
            Self::OnReboot => "on_reboot",
            Self::OnCrash => "on_crash",
            Self::OnWatchdog => "on_watchdog",
            Self::OnSoftReset => "on_soft_reset",
            Self::TscMode => "tsc_mode",
            Self::Control => "control",
            Self::UserData => "user_data",
            Self::HotplugSlots => "hotplug_slots",
            Self::Nic => "nic",
            Self::Disk => "disk",
        }
    }

    /// The key in `xl.cfg`.
    #[must_use]
    pub const fn xl_name(self) -> &'static str {
        match self {
            Self::MaxMemory => "maxmem",
            Self::MaxVcpus => "maxvcpus",
            Self::Nic => "vif",
            _ => self.name(),
        }
    }

    /// The command-line flag that sets this key.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Name => "--name",
            Self::Uuid => "--uuid",
            Self::Type => "--type",
            Self::Kernel => "--kernel",
            Self::Ramdisk => "--ramdisk",
            Self::Cmdline => "--cmdline",
            Self::Memory => "--memory",
            Self::MaxMemory => "--max-memory",
            Self::Vcpus => "--vcpus",
            Self::MaxVcpus => "--max-vcpus",
            Self::Cpus => "--cpus",
            Self::CpuWeight => "--cpu-weight",
            Self::Cap => "--cap",
            Self::Pool => "--pool",
            Self::OnPoweroff => "--on-poweroff",
            Self::OnReboot => "--on-reboot",
            Self::OnCrash => "--on-crash",
            Self::OnWatchdog => "--on-watchdog",
            Self::OnSoftReset => "--on-soft-reset",
            Self::TscMode => "--tsc-mode",
            Self::Control => "--control",
            Self::UserData => "--user-data",
            Self::HotplugSlots => "--hotplug-slots",
            Self::Nic => "--nic",
            Self::Disk => "--disk",
        }
    }

    /// Whether `xl` reads this key's value as a number.
    pub(super) const fn is_number_in_xl(self) -> bool {
        matches!(
            self,
            Self::Memory
                | Self::MaxMemory
                | Self::Vcpus
                | Self::MaxVcpus
                | Self::CpuWeight
                | Self::Cap
                | Self::HotplugSlots
        )
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    pub(super) fn from_xl_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.xl_name() == name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_names_with_dashes() {
        for key in Key::ALL {
            assert_eq!(key.flag(), format!("--{}", key.name().replace('_', "-")));
            assert_eq!(Key::from_name(key.name()), Some(key));
            assert_eq!(Key::from_xl_name(key.xl_name()), Some(key));
        }
    }
}
