//! From a checked configuration to a domain ready to start.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;
use thiserror::Error;
use uuid::Uuid;

use crate::build::{Boot, BuildError, ChannelSpec, Control};
use crate::config::{ControlMode, CpuSetError, GuestConfig, GuestType, HostCpus};
use crate::domain::{Limits, Loaded, Placement, Shell, ShellSpec, Stage, Timings};
use crate::image::{BootMode, ImageError, Kernel, Ramdisk, Stamp};
use crate::xen::{Credit2, Xen, XenError};

/// Builds guests. Keeps the images it has read, so that only the first guest of a
/// kind pays for reading and decompressing them. Usable from any thread.
#[derive(Debug)]
pub struct Creator {
    xen: Arc<Xen>,
    kernels: Cache<Kernel>,
    ramdisks: Cache<Ramdisk>,
}

/// Why a guest could not be created. Nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A file is no image, or cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The domain could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// `cpus` does not fit this host.
    #[error("cpus of vCPU {vcpu}: {source}")]
    Cpus {
        /// Whose set.
        vcpu: u32,
        /// What is wrong with it.
        source: CpuSetError,
    },
    /// Devices or a control channel, and nobody to serve them.
    #[error(
        "a guest made without the daemon has no devices and no control channel: start chaosd and \
         create it without --direct, or leave out `nic`, `disk` and `control`"
    )]
    NeedsDaemon,
    /// `pool` names no CPU pool of this host.
    #[error("this host has no CPU pool `{name}`; it has {known}")]
    NoSuchPool {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

impl Creator {
    /// A creator without images.
    pub fn new(xen: &Arc<Xen>) -> Self {
        Creator { xen: Arc::clone(xen), kernels: Cache::default(), ramdisks: Cache::default() }
    }

    /// The hypervisor it builds on.
    pub fn xen(&self) -> &Arc<Xen> {
        &self.xen
    }

    /// What stands in the boot slots of the guest that `config` describes, when somebody serves
    /// it: what its `control` says, and for `auto` what its image speaks.
    ///
    /// # Errors
    /// [`CreateError::Image`].
    pub fn control(&self, config: &GuestConfig) -> Result<Control, CreateError> {
        Ok(match config.control() {
            ControlMode::None => Control::None,
            ControlMode::Noxs => Control::Noxs,
            ControlMode::Facade | ControlMode::XenStore => Control::Store,
            ControlMode::Auto => spoken(&*self.kernels.get(config.kernel(), Kernel::open)?),
        })
    }

    /// What the images of `config` say that it leaves open, and which versions of them it was. Each
    /// is looked at once.
    ///
    /// # Errors
    /// [`CreateError::Image`].
    pub fn inspect(&self, config: &GuestConfig) -> Result<Inspection, CreateError> {
        let (stamp, kernel) = self.kernels.get_stamped(config.kernel(), Kernel::open)?;
        Ok(inspection(config, stamp, &kernel)?)
    }

    /// As [`Creator::inspect`], of a kernel that was read before and has not changed since. `None`: it
    /// would have to be read.
    pub fn inspect_known(&self, config: &GuestConfig) -> Option<Inspection> {
        let (stamp, kernel) = self.kernels.known(config.kernel())?;
        inspection(config, Some(stamp), &kernel).ok()
    }

    /// Builds the guest that `config` describes, up to but not including its first
    /// instruction. A guest without a UUID gets a random one. Nobody serves it: it has a console
    /// and nothing else.
    ///
    /// # Errors
    /// [`CreateError`]; nothing of the guest is left then.
    pub fn create(&self, config: &GuestConfig) -> Result<Loaded, CreateError> {
        self.create_with(config, &ChannelSpec::none())
    }

    /// As [`Creator::create`], with a channel that the caller serves.
    ///
    /// # Errors
    /// As [`Creator::create`]; [`CreateError::NeedsDaemon`] when `config` asks for devices or a
    /// channel and `channel` is none.
    pub fn create_with(
        &self,
        config: &GuestConfig,
        channel: &ChannelSpec,
    ) -> Result<Loaded, CreateError> {
        if channel.control == Control::None && needs_daemon(config) {
            return Err(CreateError::NeedsDaemon);
        }
        let mut timings = Timings::default();
        let (kernel, ramdisk) = timings.measure(Stage::Images, || self.images(&config.into()))?;
        let placement = self.placement(config)?;
        let shell = Shell::build(&self.xen, &self.spec(config, &kernel, channel)?)?;
        let mut loaded = shell.load(&Boot {
            kernel: &kernel,
            ramdisk: ramdisk.as_deref(),
            cmdline: config.cmdline(),
        })?;
        loaded.timings_mut().add(&timings);
        if placement != Placement::default() {
            loaded.place(&placement)?;
        }
        Ok(loaded)
    }

    /// Loads a guest's images into a shell that was built in advance. Whether they boot in its
    /// mode is found out here.
    ///
    /// # Errors
    /// [`CreateError`]; the shell is gone then.
    pub fn load(&self, shell: Shell, images: &Images<'_>) -> Result<Loaded, CreateError> {
        let (kernel, ramdisk) = self.images(images)?;
        let (kernel, ramdisk, cmdline) = (&*kernel, ramdisk.as_deref(), images.cmdline);
        Ok(shell.load(&Boot { kernel, ramdisk, cmdline })?)
    }

    /// Has the vCPUs of a domain that was built in advance run where, and as much as, `config` says.
    ///
    /// # Errors
    /// [`CreateError`]; the domain stays as it was but for what was set before.
    pub fn place(&self, loaded: &mut Loaded, config: &GuestConfig) -> Result<(), CreateError> {
        let placement = self.placement(config)?;
        if placement != Placement::default() {
            loaded.place(&placement)?;
        }
        Ok(())
    }

    fn images(&self, of: &Images<'_>) -> Result<(Arc<Kernel>, Option<Arc<Ramdisk>>), ImageError> {
        let kernel = self.kernels.get(of.kernel, Kernel::open)?;
        let ramdisk = of.ramdisk.map(|path| self.ramdisks.get(path, Ramdisk::open));
        Ok((kernel, ramdisk.transpose()?))
    }

    /// The number of the CPU pool that `config` names; 0 when it names none.
    ///
    /// # Errors
    /// [`CreateError::NoSuchPool`], [`CreateError::Xen`].
    pub fn cpupool(&self, config: &GuestConfig) -> Result<u32, CreateError> {
        self.pool(config.pool())
    }

    fn spec(
        &self,
        config: &GuestConfig,
        kernel: &Kernel,
        channel: &ChannelSpec,
    ) -> Result<ShellSpec, CreateError> {
        let guest_type = guest_type(config, kernel)?;
        // An image that cannot boot in this mode is refused before anything is built.
        match guest_type {
            GuestType::Pvh => kernel.pvh().map(drop)?,
            GuestType::Pv => kernel.pv().map(drop)?,
        }
        Ok(ShellSpec {
            uuid: config.uuid().unwrap_or_else(Uuid::new_v4),
            guest_type,
            memory: config.memory().bytes(),
            max_memory: config.max_memory().bytes(),
            vcpus: u32::from(config.vcpus()),
            max_vcpus: u32::from(config.max_vcpus()),
            tsc_mode: config.tsc_mode(),
            cpupool: self.pool(config.pool())?,
            limits: Limits::default(),
            channel: channel.clone(),
        })
    }

    fn pool(&self, name: Option<&str>) -> Result<u32, CreateError> {
        let Some(name) = name else { return Ok(0) };
        let pools = self.xen.cpu_pools()?;
        // Names of pools other than `Pool-<n>` live in XenStore, which is not asked.
        let number = name.strip_prefix("Pool-").unwrap_or(name).parse::<u32>().ok();
        match pools.iter().find(|pool| Some(pool.id) == number) {
            Some(pool) => Ok(pool.id),
            None => {
                let known: Vec<_> = pools.iter().map(|p| format!("Pool-{}", p.id)).collect();
                Err(CreateError::NoSuchPool { name: name.to_owned(), known: known.join(", ") })
            }
        }
    }

    fn placement(&self, config: &GuestConfig) -> Result<Placement, CreateError> {
        let mut placement = Placement::default();
        if let Some(affinity) = config.cpus() {
            let nodes = self.xen.cpu_nodes()?;
            let host = HostCpus { node_of_cpu: &nodes };
            for vcpu in 0..u32::from(config.max_vcpus()) {
                let cpus = match affinity.of_vcpu(vcpu as usize) {
                    Some(set) => {
                        set.resolve(host).map_err(|source| CreateError::Cpus { vcpu, source })?
                    }
                    None => Vec::new(),
                };
                placement.affinity.push(cpus.into_iter().collect());
            }
        }
        if config.cpu_weight().is_some() || config.cap().is_some() {
            const DEFAULT_WEIGHT: u16 = 256;
            placement.credit2 = Some(Credit2 {
                weight: config.cpu_weight().map_or(DEFAULT_WEIGHT, std::num::NonZeroU16::get),
                cap: config.cap().unwrap_or(0),
            });
        }
        Ok(placement)
    }
}

/// What a configuration and its images come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What its `type` says, and without one what its kernel prefers.
    pub guest_type: GuestType,
    /// What its `control` says, and for `auto` what its kernel speaks; never [`ControlMode::Auto`].
    pub control: ControlMode,
    /// Which version of the kernel it is; `None`: it changed just now.
    pub kernel: Option<Stamp>,
    /// Which version of the initial RAM disk it is, where there is one.
    pub ramdisk: Option<Stamp>,
}

/// What `config` leaves to its images, of which this is the kernel.
fn inspection(
    config: &GuestConfig,
    stamp: Option<Stamp>,
    kernel: &Kernel,
) -> Result<Inspection, ImageError> {
    let control = match config.control() {
        ControlMode::Auto if spoken(kernel) == Control::Noxs => ControlMode::Noxs,
        ControlMode::Auto => ControlMode::Facade,
        said => said,
    };
    let guest_type = guest_type(config, kernel)?;
    let ramdisk = config.ramdisk().and_then(Stamp::of);
    Ok(Inspection { guest_type, control, kernel: stamp, ramdisk })
}

/// What a kernel speaks.
fn spoken(kernel: &Kernel) -> Control {
    match kernel.noxs_version() {
        Some(NOXS_MAJOR) => Control::Noxs,
        _ => Control::Store,
    }
}

/// What is loaded into a guest.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The kernel's file.
    pub kernel: &'a Path,
    /// The initial RAM disk's file.
    pub ramdisk: Option<&'a Path>,
    /// The command line.
    pub cmdline: &'a str,
}

impl<'a> From<&'a GuestConfig> for Images<'a> {
    fn from(config: &'a GuestConfig) -> Self {
        let (kernel, ramdisk) = (config.kernel(), config.ramdisk());
        Images { kernel, ramdisk, cmdline: config.cmdline() }
    }
}

fn guest_type(config: &GuestConfig, kernel: &Kernel) -> Result<GuestType, ImageError> {
    match config.guest_type() {
        Some(guest_type) => Ok(guest_type),
        None => Ok(match kernel.preferred_mode()? {
            BootMode::Pvh => GuestType::Pvh,
            BootMode::Pv => GuestType::Pv,
        }),
    }
}

/// The major version of the noxs page that this library lays out.
const NOXS_MAJOR: u32 = 1;

/// Whether a guest cannot be what its configuration says without somebody who serves it.
fn needs_daemon(config: &GuestConfig) -> bool {
    let has_devices = !config.nics().is_empty() || !config.disks().is_empty();
    has_devices || !matches!(config.control(), ControlMode::Auto | ControlMode::None)
}

/// Parsed files by path, read again when they change.
#[derive(Debug)]
struct Cache<T> {
    known: Mutex<HashMap<OsString, (Stamp, Arc<T>)>>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache { known: Mutex::default() }
    }
}

impl<T> Cache<T> {
    fn get(
        &self,
        path: &Path,
        read: impl FnOnce(&Path) -> Result<T, ImageError>,
    ) -> Result<Arc<T>, ImageError> {
        Ok(self.get_stamped(path, read)?.1)
    }

    /// What is known of the file at `path` as it is now.
    fn known(&self, path: &Path) -> Option<(Stamp, Arc<T>)> {
        let stamp = Stamp::of(path)?;
        let known = self.known.lock();
        known
            .get(path.as_os_str())
            .filter(|(of, _)| *of == stamp)
            .map(|(_, value)| (stamp, Arc::clone(value)))
    }

    fn get_stamped(
        &self,
        path: &Path,
        read: impl FnOnce(&Path) -> Result<T, ImageError>,
    ) -> Result<(Option<Stamp>, Arc<T>), ImageError> {
        let stamp = Stamp::of(path);
        if let (Some(stamp), Some((known, value))) =
            (&stamp, self.known.lock().get(path.as_os_str()))
            && stamp == known
        {
            return Ok((Some(*stamp), Arc::clone(value)));
        }
        let value = Arc::new(read(path)?);
        if let Some(stamp) = stamp {
            self.known.lock().insert(path.into(), (stamp, Arc::clone(&value)));
        }
        Ok((stamp, value))
    }
}
