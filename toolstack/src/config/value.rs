//! A value as both file formats know it, and how each key reads it.

use std::num::NonZeroU16;
use std::path::PathBuf;

use uuid::Uuid;

use super::cpus::{CpuAffinity, CpuSet};
use super::device::{self, Disk, MAX_DEVICES, Nic};
use super::error::{ValueError, excerpt};
use super::key::Key;
use super::memory::MemSize;
use super::overrides::GuestOverrides;
use super::tsc::TscMode;

/// The most slots that can be kept free for later.
#[expect(clippy::cast_possible_truncation, reason = "31")]
const MAX_SPARE: u16 = MAX_DEVICES as u16;

/// What a file may say for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RawValue {
    Integer(i64),
    Boolean(bool),
    Text(String),
    List(Vec<RawValue>),
    /// Parts by name, in the order of the file.
    Table(Vec<(String, RawValue)>),
    /// Kinds of TOML values that no key takes, by name.
    Other(&'static str),
}

impl RawValue {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }

    pub(super) fn not(&self, expected: &'static str) -> ValueError {
        ValueError::Kind { expected, found: self.kind() }
    }

    fn text(self) -> Result<String, ValueError> {
        match self {
            Self::Text(text) if text.contains('\0') => Err(ValueError::Nul),
            Self::Text(text) => Ok(text),
            other => Err(other.not("a string")),
        }
    }

    fn filled_text(self) -> Result<String, ValueError> {
        self.text().and_then(|text| if text.is_empty() { Err(ValueError::Empty) } else { Ok(text) })
    }

    fn path(self) -> Result<PathBuf, ValueError> {
        self.filled_text().map(PathBuf::from)
    }

    fn integer(self, min: u16, max: u16) -> Result<u16, ValueError> {
        let Self::Integer(value) = self else { return Err(self.not("a number")) };
        u16::try_from(value)
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or(ValueError::Range { value, min: min.into(), max: max.into() })
    }

    fn positive(self) -> Result<NonZeroU16, ValueError> {
        let value = self.integer(1, u16::MAX)?;
        NonZeroU16::new(value).ok_or(ValueError::Empty)
    }

    fn memory(self) -> Result<MemSize, ValueError> {
        match self {
            Self::Integer(value) => match u64::try_from(value) {
                Ok(mib) => Ok(MemSize::from_mib(mib)?),
                Err(_) => Err(ValueError::Range { value, min: 1, max: 16 << 20 }),
            },
            Self::Text(text) => Ok(text.parse()?),
            other => Err(other.not("a number of MiB or a string such as \"512KiB\"")),
        }
    }

    fn uuid(self) -> Result<Uuid, ValueError> {
        let text = self.text()?;
        Uuid::try_parse(&text).map_err(|_| ValueError::Uuid(excerpt(&text)))
    }

    fn tsc_mode(self) -> Result<TscMode, ValueError> {
        match self {
            Self::Integer(number) => Ok(TscMode::from_number(number)?),
            other => Ok(other.text()?.parse()?),
        }
    }

    fn cpu_set(self) -> Result<CpuSet, ValueError> {
        match self {
            Self::Integer(cpu) => Ok(cpu.to_string().parse()?),
            Self::Text(text) => Ok(text.parse()?),
            other => Err(other.not("a set of CPUs such as \"0-3\"")),
        }
    }

    fn nics(self) -> Result<Vec<Nic>, ValueError> {
        device::list(self, "a list of tables ([[nic]])", |item| match item {
            // An item of xl.cfg's list.
            Self::Text(text) => Nic::from_xl(&text),
            item => Nic::read(item),
        })
    }

    fn disks(self) -> Result<Vec<Disk>, ValueError> {
        device::list(self, "a list of tables ([[disk]])", |item| match item {
            Self::Text(text) => Disk::from_xl(&text),
            item => Disk::read(item),
        })
    }

    fn affinity(self) -> Result<CpuAffinity, ValueError> {
        match self {
            Self::List(sets) => {
                let sets: Result<Vec<_>, _> = sets.into_iter().map(Self::cpu_set).collect();
                sets.map(CpuAffinity::PerVcpu)
            }
            other => other.cpu_set().map(CpuAffinity::Same),
        }
    }
}

impl GuestOverrides {
    /// Sets `key` to what a file says.
    pub(super) fn set(&mut self, key: Key, value: RawValue) -> Result<(), ValueError> {
        match key {
            Key::Name => self.name = Some(value.text()?.parse()?),
            Key::Uuid => self.uuid = Some(value.uuid()?),
            Key::Type => self.guest_type = Some(value.text()?.parse()?),
            Key::Kernel => self.kernel = Some(value.path()?),
            Key::Ramdisk => self.ramdisk = Some(value.path()?),
            Key::Cmdline => self.cmdline = Some(value.text()?),
            Key::Memory => self.memory = Some(value.memory()?),
            Key::MaxMemory => self.max_memory = Some(value.memory()?),
            Key::Vcpus => self.vcpus = Some(value.positive()?),
            Key::MaxVcpus => self.max_vcpus = Some(value.positive()?),
            Key::Cpus => self.cpus = Some(value.affinity()?),
            Key::CpuWeight => self.cpu_weight = Some(value.positive()?),
            Key::Cap => self.cap = Some(value.integer(0, u16::MAX)?),
            Key::Pool => self.pool = Some(value.filled_text()?),
            Key::OnPoweroff => self.on_poweroff = Some(value.text()?.parse()?),
            Key::OnReboot => self.on_reboot = Some(value.text()?.parse()?),
            Key::OnCrash => self.on_crash = Some(value.text()?.parse()?),
            Key::OnWatchdog => self.on_watchdog = Some(value.text()?.parse()?),
            Key::OnSoftReset => self.on_soft_reset = Some(value.text()?.parse()?),
            Key::TscMode => self.tsc_mode = Some(value.tsc_mode()?),
            Key::Control => self.control = Some(value.text()?.parse()?),
            Key::UserData => self.user_data = Some(value.text()?),
            Key::HotplugSlots => self.hotplug_slots = Some(value.integer(0, MAX_SPARE)?),
            Key::Nic => self.nic = Some(value.nics()?),
            Key::Disk => self.disk = Some(value.disks()?),
        }
        Ok(())
    }
}
