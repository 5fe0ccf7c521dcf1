//! What every verb needs: the options that all share, Xen, and a way to fail.

use std::path::PathBuf;
use std::sync::Arc;

use clap::error::ErrorKind;
use lightvm::client::Client;
use lightvm::create::Creator;
use lightvm::lifecycle::Lifecycle;
use lightvm::registry::Registry;
use lightvm::xen::Xen;

use crate::args::{Cli, Globals, Verb};
use crate::exit::{Exit, ExitCode};
use crate::failure::{Failure, Report};
use crate::output;

/// The options that all verbs share.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Print JSON.
    pub(crate) json: bool,
    registry_dir: PathBuf,
    socket: PathBuf,
}

impl App {
    /// Xen and the registry, opened when first needed: help needs neither. Xen first,
    /// because "this is no Xen dom0" says more than "cannot make /run/lightvm".
    pub(crate) fn open(&self) -> Result<(Arc<Xen>, Registry), Failure> {
        let xen = Xen::open()?;
        let registry = Registry::open(&self.registry_dir)?;
        Ok((xen, registry))
    }

    /// As [`App::open`], for verbs that create guests or end them.
    pub(crate) fn lifecycle(&self) -> Result<(Arc<Xen>, Lifecycle), Failure> {
        let (xen, registry) = self.open()?;
        Ok((Arc::clone(&xen), Lifecycle::new(Creator::new(&xen), registry)))
    }

    /// The daemon, where one listens.
    pub(crate) fn daemon(&self) -> Result<Option<Client>, Failure> {
        match Client::connect(&self.socket) {
            Ok(client) => Ok(Some(client)),
            Err(e) if e.is_absent() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The daemon, for what cannot be done without.
    pub(crate) fn need_daemon(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&self.socket)?)
    }

    /// Tells a failure on standard error and answers the code to exit with.
    pub(crate) fn tell(&self, failure: &Failure) -> Exit {
        if !matches!(failure, Failure::OutputClosed) {
            tell(self.json, &failure.report());
        }
        failure.exit()
    }
}

fn tell(json: bool, report: &Report) {
    match serde_json::to_string(report) {
        Ok(text) if json => eprintln!("{text}"),
        _ => eprintln!("lvm: {}", report.error),
    }
}

/// Parses the command line and runs the verb.
pub(crate) fn main() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    let (globals, verb) = match Cli::read(&line) {
        Ok(Cli { globals, verb }) => (globals, verb),
        Err(e) => return not_parsed(&e),
    };
    let Globals { json, registry, socket } = globals;
    let app = App { json, registry_dir: registry, socket };
    match run(&app, verb) {
        Ok(code) => code,
        Err(failure) => app.tell(&failure).into(),
    }
}

/// Verbs answer their exit code where success has more than one.
fn run(app: &App, verb: Verb) -> Result<ExitCode, Failure> {
    use crate::{
        block, completions, console, create, destroy, dmesg, events, info, list, log, man, net,
        network, pause, pool, rename, sched_credit2, shutdown, stats, vcpu_pin,
    };
    let done = |()| ExitCode::SUCCESS;
    match verb {
        Verb::Create(args) => create::run(app, *args),
        Verb::Destroy(args) => destroy::run(app, &args),
        Verb::List(args) => list::run(app, &args).map(done),
        Verb::Info(args) => info::run(app, &args).map(done),
        Verb::Console(args) => console::run(app, &args),
        Verb::Pause(args) => pause::pause(app, &args),
        Verb::Unpause(args) => pause::unpause(app, &args),
        Verb::Shutdown(args) => shutdown::shutdown(app, &args),
        Verb::Reboot(args) => shutdown::reboot(app, &args),
        Verb::Log(args) => log::run(app, &args).map(done),
        Verb::Network { verb } => network::run(app, &verb),
        Verb::Events(args) => events::run(app, &args).map(done),
        Verb::Pool { verb } => pool::run(app, verb.as_ref()),
        Verb::NetAttach(args) => net::attach(app, &args).map(done),
        Verb::NetDetach(args) => net::detach(app, &args).map(done),
        Verb::NetList(args) => net::list(app, &args).map(done),
        Verb::BlockAttach(args) => block::attach(app, &args).map(done),
        Verb::BlockDetach(args) => block::detach(app, &args).map(done),
        Verb::BlockList(args) => block::list(app, &args).map(done),
        Verb::Rename(args) => rename::run(app, args).map(done),
        Verb::VcpuPin(args) => vcpu_pin::run(app, &args).map(done),
        Verb::SchedCredit2(args) => sched_credit2::run(app, &args).map(done),
        Verb::Dmesg(args) => dmesg::run(app, &args).map(done),
        Verb::Stats(args) => stats::run(app, &args).map(done),
        Verb::Completions(args) => completions::run(&args).map(done),
        Verb::Man(args) => man::run(&args).map(done),
    }
}

/// Help and version are answers, all else is an error of usage.
fn not_parsed(e: &clap::Error) -> ExitCode {
    let help = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
    if help {
        // Where even this cannot be printed, nobody reads it.
        let _ = e.print();
        return ExitCode::SUCCESS;
    }
    let text = e.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    if json {
        let error = output::first_paragraph(text);
        tell(true, &Report { error, code: Exit::Usage.code(), kind: Exit::Usage.name() });
    } else {
        eprint!("lvm: {text}");
    }
    Exit::Usage.into()
}
