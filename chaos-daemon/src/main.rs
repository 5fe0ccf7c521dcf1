//! `chaosd`, the lightvm daemon.

mod args;

use std::process::ExitCode;

use chaos_daemon::config::DaemonConfig;
use chaos_daemon::daemon;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Args, LogFormat};

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("chaosd: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    start_log(args)?;
    let mut config = DaemonConfig::load(args.config.as_deref())?;
    if let Some(socket) = &args.socket {
        config.socket.clone_from(socket);
    }
    config.shards = args.shards.or(config.shards);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(daemon::run(config))?)
}

fn start_log(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|e| format!("--log {}: {e}; try `info` or `debug`", args.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
