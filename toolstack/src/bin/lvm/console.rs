//! `lvm console`: attaches to a guest's console.

use std::io::{self, IsTerminal};
use std::time::Instant;

use lightvm::lifecycle::Guest;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::ConsoleArgs;
use crate::exit::{Exit, ExitCode};
use crate::failure::Failure;
use crate::left::{Left, Until};
use crate::output;
use crate::session::Session;
use crate::signals::interrupted;
use crate::target::Target;
use crate::viewer::Viewer;

pub(crate) fn run(app: &App, args: &ConsoleArgs) -> Result<ExitCode, Failure> {
    let (xen, registry) = app.open()?;
    let guest = Target::find(&xen, &registry, &args.name)?.guest("console")?;
    if guest.record.channel.is_some() {
        return served(app, args, &guest);
    }
    if args.dump {
        return dump(app, &guest).map(|()| ExitCode::SUCCESS);
    }
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut session = Session::open(&guest.running)?;
    greet(session.is_interactive(), &guest);
    let left = session.attach(&guest.running, Until { deadline, drain: args.drain });
    drop(session);
    leave(app, &Who::of(&guest), left?)
}

/// A guest of the daemon, which has its console.
fn served(app: &App, args: &ConsoleArgs, guest: &Guest) -> Result<ExitCode, Failure> {
    let (client, who) = (app.need_daemon()?, Who::of(guest));
    let uuid = who.uuid.to_string();
    if args.dump {
        let log = client.log(&uuid)?;
        return say(app, &who, &log).map(|()| ExitCode::SUCCESS);
    }
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut viewer = Viewer::open(&client, &uuid, args.read_only)?;
    greet(viewer.is_interactive(), guest);
    let left = viewer.attach(Until { deadline, drain: args.drain });
    drop(viewer);
    let left = match left? {
        Left::Lost => guest.running.end()?.map_or(Left::Lost, Left::Ended),
        left => left,
    };
    leave(app, &who, left)
}

/// Whose console it is.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) uuid: Uuid,
}

impl Who {
    pub(crate) fn of(guest: &Guest) -> Self {
        Who { name: guest.record.name.to_string(), uuid: guest.record.uuid }
    }
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
    say(app, &Who::of(guest), &waiting[..n])
}

/// Prints what a guest printed.
pub(crate) fn say(app: &App, who: &Who, printed: &[u8]) -> Result<(), Failure> {
    if app.json {
        let output = String::from_utf8_lossy(printed).into_owned();
        return output::json(&Dump { name: &who.name, uuid: who.uuid, output });
    }
    output::bytes(printed)
}

/// Tells a person how to get out again.
pub(crate) fn greet(is_interactive: bool, guest: &Guest) {
    if is_interactive && io::stderr().is_terminal() {
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
pub(crate) fn leave(app: &App, who: &Who, left: Left) -> Result<ExitCode, Failure> {
    let name = &who.name;
    let text = match left {
        Left::Ended(end) => format!("{name} ended ({})", output::end(end)),
        Left::Detached => format!("detached from {name}, which lives on"),
        Left::Lost => {
            let text = format!("the daemon closed the console; {name} lives on");
            return Err(Failure::said(Exit::Failure, text));
        }
        Left::Drained => return Ok(ExitCode::SUCCESS),
        Left::TimedOut => {
            let text = format!("{name} did not end within the time given; it lives on");
            return Err(Failure::said(Exit::Timeout, text));
        }
        Left::Interrupted => return Err(interrupted().with(format!("{name} lives on"))),
    };
    tell(app, who, left, &text);
    Ok(ExitCode::SUCCESS)
}

/// Says something about the session on standard error.
pub(crate) fn tell(app: &App, who: &Who, left: Left, text: &str) {
    let (word, end) = match left {
        Left::Ended(end) => ("ended", Some(output::end(end))),
        Left::Lost => ("lost", None),
        Left::Detached => ("detached", None),
        Left::Drained => ("drained", None),
        Left::TimedOut => ("timed-out", None),
        Left::Interrupted => ("interrupted", None),
    };
    let over = Over { name: &who.name, uuid: who.uuid, left: word, end };
    match serde_json::to_string(&over) {
        Ok(json) if app.json => eprintln!("{json}"),
        _ => eprintln!("{text}"),
    }
}
