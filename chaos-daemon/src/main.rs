//! `chaosd`, the lightvm daemon.

mod args;

use std::io::IsTerminal;
use std::process::ExitCode;

use chaos_daemon::config::{ConfigError, DaemonConfig};
use chaos_daemon::daemon;
use clap::{CommandFactory, Parser};
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

use args::{Args, LogFormat};

/// A creation allocates and frees a hundred times; the C library takes thrice as long for that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Exit status for a mistake in the configuration, as in `sysexits.h`: the service manager does not
/// try again.
const EX_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("chaosd: {e}");
            if e.is::<ConfigError>() { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = &args.man {
        return Ok(clap_mangen::generate_to(Args::command(), folder)?);
    }
    start_log(args)?;
    let config = configuration(args)?;
    if args.check {
        println!("the configuration is valid");
        return Ok(());
    }
    let again = args.clone();
    let load = Box::new(move || configuration(&again));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(daemon::run(config, load))?)
}

/// What the file says, and the command line instead of it.
fn configuration(args: &Args) -> Result<DaemonConfig, ConfigError> {
    let mut config = DaemonConfig::load(args.config.as_deref())?;
    if let Some(socket) = &args.socket {
        config.socket.clone_from(socket);
    }
    config.shards = args.shards.or(config.shards);
    Ok(config)
}

fn start_log(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|e| format!("--log {}: {e}; try `info` or `debug`", args.log))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
