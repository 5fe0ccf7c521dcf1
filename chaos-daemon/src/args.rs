//! The command line of `chaosd`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Creates guests and serves their consoles, networks and disks, on a Xen dom0.
#[derive(Clone, Debug, Parser)]
#[command(version, after_long_help = LONG_HELP)]
pub(crate) struct Args {
    /// Configuration file [default: /etc/lightvm/chaosd.toml, which need not exist].
    #[arg(long, value_name = "FILE", env = "CHAOSD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Look for mistakes in the configuration and do nothing else.
    #[arg(long)]
    pub(crate) check: bool,
    /// Write the manual page to a folder and do nothing else.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) man: Option<PathBuf>,
    /// Socket of the API, instead of the configuration's.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Threads that serve guests, instead of the configuration's.
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<std::num::NonZeroUsize>,
    /// How the daemon's own log is written, to standard error.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// What is logged: a level or a filter such as `info,chaos_daemon::net=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "CHAOSD_LOG")]
    pub(crate) log: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const LONG_HELP: &str = "\
Start it as root in dom0, then use `lvm`, or the API itself:

  chaosd &
  lvm create guest.toml
  curl --unix-socket /run/lightvm/chaosd.sock http://localhost/v1/guests

One daemon serves a host. Ctrl-C and SIGTERM end it and leave its guests running, as does
any other end of it: the next daemon takes them up again, and they notice a pause in their
I/O and nothing else. SIGHUP has the configuration read again: what is said of consoles, log
records, the pool and the socket's groups changes at once, the rest with the next start.

The configuration file is TOML. Everything in it may be left out:

  socket = \"/run/lightvm/chaosd.sock\"  # the API
  group  = \"adm\"                       # who may use it besides root; default: nobody
  readers = \"staff\"                    # who may look besides; default: nobody
  state  = \"/run/lightvm\"              # names of guests, what a restart needs
  logs   = \"/var/log/lightvm\"          # what guests print
  shards = 4                           # threads; default: one per CPU, 8 at most";
