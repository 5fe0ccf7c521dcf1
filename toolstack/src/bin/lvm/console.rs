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
use crate::session::{Left, Session, Until};
use crate::signals::interrupted;
use crate::target::Target;

pub(crate) fn run(app: &App, args: &ConsoleArgs) -> Result<ExitCode, Failure> {
    let (xen, registry) = app.open()?;
    let guest = Target::find(&xen, &registry, &args.name)?.guest("console")?;
    if args.dump {
        return dump(app, &guest).map(|()| ExitCode::SUCCESS);
    }
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut session = Session::open(&guest.running)?;
    greet(&session, &guest);
    let left = session.attach(&guest.running, Until { deadline, drain: args.drain });
    drop(session);
    leave(app, &guest, left?)
}

#[derive(Serialize)]
struct Dump<'a> {
    name: &'a str,
    uuid: Uuid,
    output: String,
}

/// Prints what waits in the ring: no more than it holds, however fast the guest writes.
fn dump(app: &App, guest: &Guest) -> Result<(), Failure> {
    let console = guest.running.console()?;
    let mut waiting = [0; 2048];
    let n = console.read(&mut waiting).map_err(Failure::io("cannot read the console"))?;
    let waiting = &waiting[..n];
    if app.json {
        let Guest { record, .. } = guest;
        let output = String::from_utf8_lossy(waiting).into_owned();
        return output::json(&Dump { name: record.name.as_str(), uuid: record.uuid, output });
    }
    output::bytes(waiting)
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
