//! The options of `lvm create`.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lightvm::api::Wait;
use lightvm::config::{
    Action, ConfigFormat, ControlMode, CpuAffinity, Disk, GuestName, GuestOverrides, GuestType,
    MemSize, Nic, TscMode,
};
use uuid::Uuid;

use super::seconds;

#[derive(Clone, Debug, Args)]
pub(crate) struct CreateArgs {
    /// Configuration file (TOML where it ends in .toml, else xl.cfg), then assignments to its
    /// keys in xl's syntax
    #[arg(value_name = "CONFIG | KEY=VALUE")]
    pub(crate) config: Vec<String>,

    /// Create this many; guests with a name get it numbered, NAME-1 to NAME-N
    #[arg(short = 'n', long = "number", value_name = "N", default_value = "1")]
    pub(crate) number: NonZeroU32,

    /// With -n: keep the guests that run when one fails or Ctrl-C comes
    #[arg(long)]
    pub(crate) keep: bool,

    /// Do not start them; `lvm unpause` does
    #[arg(long)]
    pub(crate) paused: bool,

    /// Stay attached to the console, and do what the configuration says when the guest stops
    #[arg(long, short = 'c')]
    pub(crate) console: bool,

    /// Wait for a sign of life: the guest's first event, or its end; or until it says that it has
    /// booted or is ready, which guests of the daemon can
    #[arg(
        long,
        value_name = "WHAT",
        num_args = 0..=1,
        default_missing_value = "event",
        conflicts_with = "paused"
    )]
    pub(crate) wait: Option<WaitFor>,

    /// Without the daemon: a guest with a console and nothing else
    #[arg(long)]
    pub(crate) direct: bool,

    /// Most seconds to --wait, or to stay on the --console; exit code 7 when they are over
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// Show how long each stage took
    #[arg(long)]
    pub(crate) timings: bool,

    /// Take the configuration file to be in this format, whatever its name
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    #[command(flatten)]
    pub(crate) guest: GuestFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// lightvm's own
    Toml,
    /// xl.cfg
    Xl,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// Its first event, or its end
    Event,
    /// That it says it has booted
    Booted,
    /// That it says it is ready to serve
    Ready,
}

impl From<WaitFor> for Wait {
    fn from(wait: WaitFor) -> Self {
        match wait {
            WaitFor::Event => Wait::Event,
            WaitFor::Booted => Wait::Booted,
            WaitFor::Ready => Wait::Ready,
        }
    }
}

impl From<Format> for ConfigFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Toml => ConfigFormat::Toml,
            Format::Xl => ConfigFormat::Xl,
        }
    }
}

/// A flag for every key of a configuration; each wins over the file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Guest")]
pub(crate) struct GuestFlags {
    /// Name [default: made from the kernel's]
    #[arg(long)]
    pub(crate) name: Option<GuestName>,
    /// Identity [default: random]
    #[arg(long)]
    pub(crate) uuid: Option<Uuid>,
    /// pvh or pv [default: what the kernel offers]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) guest_type: Option<GuestType>,
    /// Kernel image: an ELF file with Xen notes, or a Linux bzImage
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    /// Initial RAM disk
    #[arg(long, value_name = "FILE")]
    pub(crate) ramdisk: Option<PathBuf>,
    /// Kernel command line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) cmdline: Option<String>,
    /// Memory at start, in MiB or with a unit: 64, 512KiB
    #[arg(long, short = 'm', value_name = "SIZE")]
    pub(crate) memory: Option<MemSize>,
    /// Most memory it can ever have [default: its memory]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_memory: Option<MemSize>,
    /// vCPUs at start [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) vcpus: Option<NonZeroU16>,
    /// Most vCPUs it can ever have [default: its vCPUs]
    #[arg(long, value_name = "N")]
    pub(crate) max_vcpus: Option<NonZeroU16>,
    /// Host CPUs its vCPUs may run on: 0-3,^1
    #[arg(long, value_name = "CPUS")]
    pub(crate) cpus: Option<CpuAffinity>,
    /// Scheduler weight; 256 is everybody's
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) cpu_weight: Option<NonZeroU16>,
    /// Most CPU time, in percent of one CPU; 0: no limit
    #[arg(long, value_name = "PERCENT")]
    pub(crate) cap: Option<u16>,
    /// CPU pool to live in
    #[arg(long, value_name = "POOL")]
    pub(crate) pool: Option<String>,
    /// What to do after it powered off: destroy, restart, preserve or rename-restart
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_poweroff: Option<Action>,
    /// What to do after it asked for a reboot
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_reboot: Option<Action>,
    /// What to do after it crashed
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_crash: Option<Action>,
    /// What to do after its watchdog fired
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_watchdog: Option<Action>,
    /// What to do after it asked for a soft reset
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_soft_reset: Option<Action>,
    /// How it reads the time-stamp counter: native, default or always_emulate
    #[arg(long, value_name = "MODE")]
    pub(crate) tsc_mode: Option<TscMode>,
    /// How it and its host talk: auto, noxs, facade, xenstore or none [default: auto]
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) control: Option<ControlMode>,
    /// Text handed to the guest; @FILE reads it from a file
    #[arg(long, value_name = "TEXT", value_parser = user_data)]
    pub(crate) user_data: Option<String>,
    /// Places kept free for devices that come later [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) hotplug_slots: Option<u16>,
    /// Network interface, as in network=lan,mac=00:16:3e:00:00:01,ip=10.0.0.5/24; `` for one on
    /// the default network. May be repeated
    #[arg(long, value_name = "PARTS")]
    pub(crate) nic: Vec<Nic>,
    /// Disk: a raw image or block device, then its name and ro or rw, as in /srv/web.img,xvda,rw.
    /// May be repeated
    #[arg(long, value_name = "FILE[,NAME][,ro]")]
    pub(crate) disk: Vec<Disk>,
}

/// Reads the text of `@FILE`, or takes the text as it is.
pub(super) fn user_data(text: &str) -> Result<String, String> {
    match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|e| format!("cannot read it: {e}")),
        None => Ok(text.to_owned()),
    }
}

impl From<GuestFlags> for GuestOverrides {
    fn from(flags: GuestFlags) -> Self {
        GuestOverrides {
            name: flags.name,
            uuid: flags.uuid,
            guest_type: flags.guest_type,
            kernel: flags.kernel,
            ramdisk: flags.ramdisk,
            cmdline: flags.cmdline,
            memory: flags.memory,
            max_memory: flags.max_memory,
            vcpus: flags.vcpus,
            max_vcpus: flags.max_vcpus,
            cpus: flags.cpus,
            cpu_weight: flags.cpu_weight,
            cap: flags.cap,
            pool: flags.pool,
            on_poweroff: flags.on_poweroff,
            on_reboot: flags.on_reboot,
            on_crash: flags.on_crash,
            on_watchdog: flags.on_watchdog,
            on_soft_reset: flags.on_soft_reset,
            tsc_mode: flags.tsc_mode,
            control: flags.control,
            user_data: flags.user_data,
            hotplug_slots: flags.hotplug_slots,
            nic: (!flags.nic.is_empty()).then_some(flags.nic),
            disk: (!flags.disk.is_empty()).then_some(flags.disk),
        }
    }
}
