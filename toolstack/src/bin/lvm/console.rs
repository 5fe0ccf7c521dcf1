//! `lvm console`: attaches to a guest's console.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Instant;

use lightvm::lifecycle::Guest;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::ConsoleArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::{self, Left, Session, Until};
use crate::signals::interrupted;
use crate::target::Target;

pub(crate) fn run(app: &App, args: &ConsoleArgs) -> Result<ExitCode, Failure> {
    let (xen, registry) = app.open()?;
    let guest = Target::find(&xen, &registry, &args.name)?.guest("console")?;
    if args.dump {
        let console = guest.running.console()?;
        while session::copy_output(&console)?.0 > 0 {}
        return Ok(ExitCode::SUCCESS);
    }
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut session = Session::open(&guest.running)?;
    greet(&session, &guest);
    let left = session.attach(&guest.running, Until { deadline, drain: args.drain });
    drop(session);
    leave(app, &guest, left?)
}

/// Tells a person how to get out again.
pub(crate) fn greet(session: &Session, guest: &Guest) {
    if session.is_interactive() && io::stderr().is_terminal() {
        let Guest { running, record } = guest;
        eprintln!("connected to {} (domain {}); Ctrl-] detaches", record.name, running.domid());
    }
}

/// What standard error gets when a session is over: standard output is the guest's.
#[derive(Serialize)]
struct Over<'a> {
    name: &'a str,
    uuid: Uuid,
    left: &'static str,
    end: Option<String>,
}

/// Says why a session is over and answers the exit code.
pub(crate) fn leave(app: &App, guest: &Guest, left: Left) -> Result<ExitCode, Failure> {
    let name = &guest.record.name;
    let text = match left {
        Left::Ended(end) => format!("{name} ended ({})", output::end(end)),
        Left::Detached => format!("detached from {name}, which lives on"),
        Left::Drained => return Ok(ExitCode::SUCCESS),
        Left::TimedOut => {
            let text = format!("{name} did not end within the time given; it lives on");
            return Err(Failure::said(Exit::Timeout, text));
        }
        Left::Interrupted => return Err(interrupted().with(format!("{name} lives on"))),
    };
    tell(app, guest, left, &text);
    Ok(ExitCode::SUCCESS)
}

/// Says something about the session on standard error.
pub(crate) fn tell(app: &App, guest: &Guest, left: Left, text: &str) {
    let (word, end) = match left {
        Left::Ended(end) => ("ended", Some(output::end(end))),
        Left::Detached => ("detached", None),
        Left::Drained => ("drained", None),
        Left::TimedOut => ("timed-out", None),
        Left::Interrupted => ("interrupted", None),
    };
    let over = Over { name: guest.record.name.as_str(), uuid: guest.record.uuid, left: word, end };
    match serde_json::to_string(&over) {
        Ok(json) if app.json => eprintln!("{json}"),
        _ => eprintln!("{text}"),
    }
}
