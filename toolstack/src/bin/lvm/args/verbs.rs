//! The options of the verbs other than `create`.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap_complete::Shell;
use lightvm::config::{CpuSet, GuestName};

use super::seconds;

/// Guests by name, UUID or domain number.
#[derive(Clone, Debug, Args)]
pub(crate) struct NamesArgs {
    /// Guests, by name, UUID or domain number
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Guests to be stopped.
#[derive(Clone, Debug, Args)]
pub(crate) struct StopArgs {
    /// Guests, by name, UUID or domain number
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Most seconds for each guest to do it; exit code 7 when they are over
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub(crate) timeout: Duration,
    /// Stop it without asking
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The log records that the guest wrote, one line of JSON for each, instead of its console
    #[arg(long)]
    pub(crate) records: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct EventsArgs {
    /// Begin behind the event of this number, instead of now
    #[arg(long, value_name = "NUMBER")]
    pub(crate) after: Option<u64>,
    /// Print what is kept, and end
    #[arg(long)]
    pub(crate) past: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DestroyArgs {
    /// Guests, by name, UUID or domain number
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Every guest that lvm created
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    /// Allow domains of other toolstacks, by UUID or domain number
    #[arg(long, conflicts_with = "all")]
    pub(crate) foreign: bool,
    /// Wait until their memory is back
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// UUIDs too
    #[arg(long, short = 'l')]
    pub(crate) long: bool,
    /// Nothing but the names of guests, one a line
    #[arg(long, short = 'q', alias = "quiet", conflicts_with = "long")]
    pub(crate) names_only: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct InfoArgs {
    /// Guest, by name, UUID or domain number
    #[arg(required_unless_present = "host", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The host rather than a guest
    #[arg(long, conflicts_with = "name")]
    pub(crate) host: bool,
    /// The configuration alone, as TOML that `lvm create` takes
    #[arg(long, conflicts_with = "host")]
    pub(crate) config: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Watch only; nothing typed goes to the guest
    #[arg(long, conflicts_with = "dump")]
    pub(crate) read_only: bool,
    /// Print what is kept of it, or waits in its ring, which takes it out, and leave
    #[arg(long, conflicts_with_all = ["timeout", "drain"])]
    pub(crate) dump: bool,
    /// Leave after this long, with exit code 7
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// After the end of standard input, leave once the guest was silent for this long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) drain: Option<Duration>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RenameArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    pub(crate) new: GuestName,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct VcpuPinArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A vCPU by number, or `all`
    #[arg(value_name = "VCPU")]
    pub(crate) vcpus: Vcpus,
    /// Host CPUs, such as 0-3,^1, node:0 or all
    #[arg(value_name = "CPUS")]
    pub(crate) cpus: CpuSet,
}

/// One vCPU, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vcpus {
    All,
    One(u32),
}

impl FromStr for Vcpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Vcpus::All),
            _ => text.parse().map(Vcpus::One).map_err(|_| "not a vCPU's number, nor `all`".into()),
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SchedCredit2Args {
    /// Guest, by name, UUID or domain number [default: every domain]
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Share relative to others, 1 to 65535; 256 is everybody's
    #[arg(long, short = 'w', value_name = "WEIGHT", requires = "name")]
    pub(crate) weight: Option<NonZeroU16>,
    /// Most CPU time, in percent of one CPU; 0: no limit
    #[arg(long, short = 'c', value_name = "PERCENT", requires = "name")]
    pub(crate) cap: Option<u16>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DmesgArgs {
    /// Empty the log after it was read
    #[arg(long, short = 'c')]
    pub(crate) clear: bool,
    /// Go on printing what is added
    #[arg(long, short = 'f', conflicts_with = "clear")]
    pub(crate) follow: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StatsArgs {
    /// Domains, by name, UUID or number [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// How long to look before counting
    #[arg(long, short = 'i', value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub(crate) interval: Duration,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder; made when it is not there
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
