//! What can be typed, as it is typed; the verbs check what belongs together.

mod create;
mod device;
mod help;
mod network;
mod plain;
mod pool;
#[cfg(test)]
mod tests;
mod verbs;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use lightvm::api::DEFAULT_SOCKET;
use lightvm::registry::DEFAULT_DIR;

pub(crate) use create::{CreateArgs, GuestFlags, WaitFor};
pub(crate) use device::{
    BlockAttachArgs, BlockDetachArgs, DeviceListArgs, NetAttachArgs, NetDetachArgs,
};
#[cfg(test)]
pub(crate) use help::LVM as LVM_HELP;
pub(crate) use network::{NetworkCreateArgs, NetworkDeleteArgs, NetworkVerb};
pub(crate) use pool::{PoolAddArgs, PoolRemoveArgs, PoolVerb};
pub(crate) use verbs::{
    CompletionsArgs, ConsoleArgs, DestroyArgs, DmesgArgs, EventsArgs, InfoArgs, ListArgs, LogArgs,
    ManArgs, NamesArgs, RenameArgs, SchedCredit2Args, StatsArgs, StopArgs, VcpuPinArgs, Vcpus,
};

/// Create, run and destroy guests on a Xen dom0.
#[derive(Debug, Parser)]
#[command(name = "lvm", version, after_help = help::LVM, max_term_width = 100)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const REGISTRY_VARIABLE: &str = "LIGHTVM_RUN_DIR";
const SOCKET_VARIABLE: &str = "LIGHTVM_SOCKET";

/// The options that all verbs share.
#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// Print JSON; errors as JSON on standard error
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,

    /// Folder in which guests and their names are written down
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = REGISTRY_VARIABLE,
        default_value = DEFAULT_DIR,
        hide_short_help = true,
        help_heading = "Global options"
    )]
    pub(crate) registry: PathBuf,

    /// Where the daemon, chaosd, listens
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = SOCKET_VARIABLE,
        default_value = DEFAULT_SOCKET,
        hide_short_help = true,
        help_heading = "Global options"
    )]
    pub(crate) socket: PathBuf,
}

impl Cli {
    /// Reads a command line, the program's name first.
    pub(crate) fn read(line: &[OsString]) -> Result<Cli, clap::Error> {
        plain::read(line).map_or_else(|| Cli::try_parse_from(line), Ok)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create guests and start them
    #[command(visible_alias = "run", override_usage = help::CREATE_USAGE, after_help = help::CREATE)]
    Create(Box<CreateArgs>),
    /// Destroy guests, whatever they are doing
    #[command(after_help = help::DESTROY)]
    Destroy(DestroyArgs),
    /// List the host's domains
    #[command(visible_alias = "ls", after_help = help::LIST)]
    List(ListArgs),
    /// Show everything about a guest, or about the host
    #[command(after_help = help::INFO)]
    Info(InfoArgs),
    /// Attach to a guest's console
    #[command(after_help = help::CONSOLE)]
    Console(ConsoleArgs),
    /// Hold guests where they are
    #[command(after_help = help::PAUSE)]
    Pause(NamesArgs),
    /// Let held guests go on
    #[command(after_help = help::UNPAUSE)]
    Unpause(NamesArgs),
    /// Ask guests to power off, and do what their on_poweroff says
    #[command(after_help = help::SHUTDOWN)]
    Shutdown(StopArgs),
    /// Ask guests to reboot, and do what their on_reboot says, which is to build them again
    #[command(after_help = help::REBOOT)]
    Reboot(StopArgs),
    /// Print what is kept of a guest's console, or of its log records
    #[command(after_help = help::LOG)]
    Log(LogArgs),
    /// Networks that guests are attached to
    #[command(after_help = help::NETWORK)]
    Network {
        #[command(subcommand)]
        verb: NetworkVerb,
    },
    /// Shells that are kept for guests to come
    #[command(after_help = help::POOL)]
    Pool {
        #[command(subcommand)]
        verb: Option<PoolVerb>,
    },
    /// Print what happens to guests, networks and devices, as it happens
    #[command(after_help = help::EVENTS)]
    Events(EventsArgs),
    /// Give a running guest a network interface
    #[command(after_help = help::NET_ATTACH)]
    NetAttach(NetAttachArgs),
    /// Take a network interface away from a running guest
    #[command(after_help = help::NET_DETACH)]
    NetDetach(NetDetachArgs),
    /// List a guest's network interfaces
    #[command(after_help = help::NET_LIST)]
    NetList(DeviceListArgs),
    /// Give a running guest a disk
    #[command(after_help = help::BLOCK_ATTACH)]
    BlockAttach(BlockAttachArgs),
    /// Take a disk away from a running guest
    #[command(after_help = help::BLOCK_DETACH)]
    BlockDetach(BlockDetachArgs),
    /// List a guest's disks
    #[command(after_help = help::BLOCK_LIST)]
    BlockList(DeviceListArgs),
    /// Give a guest another name
    #[command(after_help = help::RENAME)]
    Rename(RenameArgs),
    /// Say on which CPUs a guest's vCPUs may run
    #[command(after_help = help::VCPU_PIN)]
    VcpuPin(VcpuPinArgs),
    /// Show or set guests' shares under the credit2 scheduler
    #[command(name = "sched-credit2", after_help = help::SCHED_CREDIT2)]
    SchedCredit2(SchedCredit2Args),
    /// Print Xen's log
    #[command(after_help = help::DMESG)]
    Dmesg(DmesgArgs),
    /// Show how much CPU time domains take
    #[command(after_help = help::STATS)]
    Stats(StatsArgs),
    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Write the manual pages to a folder
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

/// Reads a number of seconds, with or without a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| "not a length of time".to_owned())
}
