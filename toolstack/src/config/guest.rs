//! The checked description of a guest.

use std::fmt::Write as _;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::action::Action;
use super::check::check;
use super::control::ControlMode;
use super::cpus::CpuAffinity;
use super::device::{Disk, Nic};
use super::error::{ConfigError, Warning};
use super::guest_type::GuestType;
use super::layer::Layer;
use super::loader::{Loaded, Loader};
use super::memory::MemSize;
use super::name::GuestName;
use super::overrides::GuestOverrides;
use super::tsc::TscMode;

/// A guest's description, checked as a whole: what the builders take.
///
/// It holds that memory at start is at most [`max_memory`](Self::max_memory), that vCPUs online
/// at start are at most [`max_vcpus`](Self::max_vcpus), that this is no more than the type allows,
/// that every text is free of NUL bytes, that devices have MAC addresses and names of their own,
/// and that they and the slots kept free are at most [`MAX_DEVICES`](super::MAX_DEVICES).
/// Deserialising checks all of it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "GuestOverrides", into = "GuestOverrides")]
#[schemars(extend("required" = ["kernel"]))]
pub struct GuestConfig {
    pub(super) name: Option<GuestName>,
    pub(super) uuid: Option<Uuid>,
    pub(super) guest_type: Option<GuestType>,
    pub(super) kernel: PathBuf,
    pub(super) ramdisk: Option<PathBuf>,
    pub(super) cmdline: String,
    pub(super) memory: MemSize,
    pub(super) max_memory: MemSize,
    pub(super) vcpus: NonZeroU16,
    pub(super) max_vcpus: NonZeroU16,
    pub(super) cpus: Option<CpuAffinity>,
    pub(super) cpu_weight: Option<NonZeroU16>,
    pub(super) cap: Option<u16>,
    pub(super) pool: Option<String>,
    pub(super) on_poweroff: Action,
    pub(super) on_reboot: Action,
    pub(super) on_crash: Action,
    pub(super) on_watchdog: Action,
    pub(super) on_soft_reset: Action,
    pub(super) tsc_mode: TscMode,
    pub(super) control: ControlMode,
    pub(super) user_data: String,
    pub(super) hotplug_slots: u16,
    pub(super) nics: Vec<Nic>,
    pub(super) disks: Vec<Disk>,
}

impl GuestConfig {
    /// Reads and checks the configuration file at `path`: TOML when it ends in `.toml`, otherwise
    /// `xl.cfg`. [`Loader`] does the same with overrides.
    ///
    /// # Errors
    /// When the file cannot be read, is malformed, or describes no guest.
    pub fn load(path: impl AsRef<Path>) -> Result<Loaded, ConfigError> {
        Loader::new().load(path)
    }

    /// Checks a description made without a file. Relative paths stay as they are.
    ///
    /// # Errors
    /// When it describes no guest.
    pub fn from_overrides(overrides: GuestOverrides) -> Result<Loaded, ConfigError> {
        let (config, warnings) = check(Layer::from_overrides(overrides))?;
        Ok(Loaded { config, warnings })
    }

    /// The guest's name, or `None` to have one generated.
    #[must_use]
    pub const fn name(&self) -> Option<&GuestName> {
        self.name.as_ref()
    }

    /// The guest's UUID, or `None` to have one generated.
    #[must_use]
    pub const fn uuid(&self) -> Option<Uuid> {
        self.uuid
    }

    /// How the guest is virtualised, or `None` to go by what its kernel image offers.
    #[must_use]
    pub const fn guest_type(&self) -> Option<GuestType> {
        self.guest_type
    }

    /// The kernel image.
    #[must_use]
    pub fn kernel(&self) -> &Path {
        &self.kernel
    }

    /// The initial RAM disk.
    #[must_use]
    pub fn ramdisk(&self) -> Option<&Path> {
        self.ramdisk.as_deref()
    }

    /// The kernel's command line, without NUL bytes.
    #[must_use]
    pub fn cmdline(&self) -> &str {
        &self.cmdline
    }

    /// Memory at start; at most [`max_memory`](Self::max_memory).
    #[must_use]
    pub const fn memory(&self) -> MemSize {
        self.memory
    }

    /// The most memory the guest can ever have.
    #[must_use]
    pub const fn max_memory(&self) -> MemSize {
        self.max_memory
    }

    /// The number of vCPUs online at start; at most [`max_vcpus`](Self::max_vcpus).
    #[must_use]
    pub const fn vcpus(&self) -> u16 {
        self.vcpus.get()
    }

    /// The number of vCPUs the guest can ever have.
    #[must_use]
    pub const fn max_vcpus(&self) -> u16 {
        self.max_vcpus.get()
    }

    /// The host CPUs its vCPUs may run on, or `None` for all. Lists no more sets than
    /// [`max_vcpus`](Self::max_vcpus).
    #[must_use]
    pub const fn cpus(&self) -> Option<&CpuAffinity> {
        self.cpus.as_ref()
    }

    /// Scheduler weight, 1 to 65535, or `None` for the scheduler's default.
    #[must_use]
    pub const fn cpu_weight(&self) -> Option<NonZeroU16> {
        self.cpu_weight
    }

    /// Most CPU time in percent of one CPU, 0 for no limit, or `None` for the scheduler's default.
    #[must_use]
    pub const fn cap(&self) -> Option<u16> {
        self.cap
    }

    /// The CPU pool's name, or `None` for the default pool.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        self.pool.as_deref()
    }

    /// What to do after the guest powers off.
    #[must_use]
    pub const fn on_poweroff(&self) -> Action {
        self.on_poweroff
    }

    /// What to do after the guest asks for a reboot.
    #[must_use]
    pub const fn on_reboot(&self) -> Action {
        self.on_reboot
    }

    /// What to do after the guest crashes.
    #[must_use]
    pub const fn on_crash(&self) -> Action {
        self.on_crash
    }

    /// What to do after the guest's watchdog fires.
    #[must_use]
    pub const fn on_watchdog(&self) -> Action {
        self.on_watchdog
    }

    /// What to do after the guest asks for a soft reset, as Linux does for `kexec`.
    #[must_use]
    pub const fn on_soft_reset(&self) -> Action {
        self.on_soft_reset
    }

    /// How the guest reads the time-stamp counter.
    #[must_use]
    pub const fn tsc_mode(&self) -> TscMode {
        self.tsc_mode
    }

    /// By which channel the guest and its host talk.
    #[must_use]
    pub const fn control(&self) -> ControlMode {
        self.control
    }

    /// What is handed to the guest, without NUL bytes.
    #[must_use]
    pub const fn user_data(&self) -> &[u8] {
        self.user_data.as_bytes()
    }

    /// Places kept free for devices that come later.
    #[must_use]
    pub const fn hotplug_slots(&self) -> u16 {
        self.hotplug_slots
    }

    /// Its network interfaces, in the order of their numbers.
    #[must_use]
    pub fn nics(&self) -> &[Nic] {
        &self.nics
    }

    /// Its disks, each with its [`vdev`](Disk::vdev).
    #[must_use]
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }

    /// The same guest with these devices, checked again.
    ///
    /// # Errors
    /// When the devices do not go together.
    pub fn with_devices(self, nics: Vec<Nic>, disks: Vec<Disk>) -> Result<Self, ConfigError> {
        let mut overrides = GuestOverrides::from(self);
        (overrides.nic, overrides.disk) = (Some(nics), Some(disks));
        overrides.try_into()
    }

    /// The same guest under this name.
    #[must_use]
    pub fn with_name(mut self, name: GuestName) -> Self {
        self.name = Some(name);
        self
    }

    /// The same guest with this UUID.
    #[must_use]
    pub const fn with_uuid(mut self, uuid: Uuid) -> Self {
        self.uuid = Some(uuid);
        self
    }

    /// This guest as a TOML configuration that loads to an equal one.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut toml = String::new();
        for (key, value) in GuestOverrides::from(self.clone()).toml_values() {
            // Writing to a String cannot fail.
            let _ = writeln!(toml, "{key} = {value}");
        }
        toml
    }
}

impl TryFrom<GuestOverrides> for GuestConfig {
    type Error = ConfigError;

    fn try_from(stored: GuestOverrides) -> Result<Self, Self::Error> {
        check(Layer::stored(stored)).map(|(config, _): (Self, Vec<Warning>)| config)
    }
}

impl From<GuestConfig> for GuestOverrides {
    fn from(config: GuestConfig) -> Self {
        Self {
            name: config.name,
            uuid: config.uuid,
            guest_type: config.guest_type,
            kernel: Some(config.kernel),
            ramdisk: config.ramdisk,
            cmdline: Some(config.cmdline),
            memory: Some(config.memory),
            max_memory: Some(config.max_memory),
            vcpus: Some(config.vcpus),
            max_vcpus: Some(config.max_vcpus),
            cpus: config.cpus,
            cpu_weight: config.cpu_weight,
            cap: config.cap,
            pool: config.pool,
            on_poweroff: Some(config.on_poweroff),
            on_reboot: Some(config.on_reboot),
            on_crash: Some(config.on_crash),
            on_watchdog: Some(config.on_watchdog),
            on_soft_reset: Some(config.on_soft_reset),
            tsc_mode: Some(config.tsc_mode),
            control: Some(config.control),
            user_data: (!config.user_data.is_empty()).then_some(config.user_data),
            hotplug_slots: Some(config.hotplug_slots),
            nic: (!config.nics.is_empty()).then_some(config.nics),
            disk: (!config.disks.is_empty()).then_some(config.disks),
        }
    }
}
