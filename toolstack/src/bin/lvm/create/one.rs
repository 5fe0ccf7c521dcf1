//! One guest.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use lightvm::api::ErrorCode;
use lightvm::client::Client;
use lightvm::config::{Action, Loaded};
use lightvm::domain::End;
use lightvm::lifecycle::{Guest, Lifecycle, Outcome, action_for};
use lightvm::xen::DomId;

use super::maker::{Created, Keeper, Maker, WaitResult};
use super::report;
use crate::app::App;
use crate::args::CreateArgs;
use crate::console::{self, Who};
use crate::exit::{Exit, ExitCode};
use crate::failure::Failure;
use crate::left::{Left, Until};
use crate::output;
use crate::session::Session;
use crate::shutdown;
use crate::signals::{Signals, interrupted};
use crate::viewer::Viewer;

pub(super) fn run(app: &App, args: &CreateArgs, config: &Loaded) -> Result<ExitCode, Failure> {
    let signals = Signals::hold()?;
    let until = Until { deadline: args.timeout.map(|t| Instant::now() + t), drain: None };
    let maker = Maker::new(app, &signals, args, &config.config)?;
    let created = maker.make(&config.config)?;
    let keeper = maker.into_keeper();
    drop(signals);
    tell(app, args, config, &created)?;
    let name = &created.name;
    match created.waited.map(|waited| waited.result) {
        Some(WaitResult::TimedOut) => {
            let text = format!("no sign of life from {name} within the time given; it lives on");
            return Err(Failure::said(Exit::Timeout, text));
        }
        Some(WaitResult::Interrupted) => {
            return Err(interrupted().with(format!("{name} lives on")));
        }
        Some(WaitResult::Sign(_) | WaitResult::Reached(_)) | None => {}
    }
    if !args.console {
        return Ok(ExitCode::SUCCESS);
    }
    match (keeper, created.guest) {
        (Keeper::Daemon(client), _) => {
            let who = Who { name: created.name.to_string(), uuid: created.uuid };
            watch(app, &client, &who, created.domid, until)
        }
        (Keeper::Here(lifecycle), Some(guest)) => attend(app, &lifecycle, guest, until),
        (Keeper::Here(_), None) => Ok(ExitCode::SUCCESS),
    }
}

/// Lets a guest of the daemon run and stays on its console until it is no more or the user
/// leaves. What is to be done when it stops is the daemon's affair.
fn watch(
    app: &App,
    client: &Client,
    who: &Who,
    domid: DomId,
    until: Until,
) -> Result<ExitCode, Failure> {
    let uuid = who.uuid.to_string();
    let mut viewer = Viewer::open(client, &uuid, false)?;
    if viewer.is_interactive() && io::stderr().is_terminal() {
        eprintln!("connected to {} (domain {domid}); Ctrl-] detaches", who.name);
    }
    client.unpause(&uuid)?;
    let left = viewer.attach(until);
    drop(viewer);
    let left = match (left?, client.guest(&uuid)) {
        (Left::Lost, Err(e)) if e.code() == Some(ErrorCode::NotFound) => {
            Left::Ended(End::Destroyed)
        }
        (left, _) => left,
    };
    console::leave(app, who, left)
}

/// Says what was made; on standard error where standard output is the guest's.
fn tell(app: &App, args: &CreateArgs, config: &Loaded, created: &Created) -> Result<(), Failure> {
    let text = if app.json {
        report::json(&report::Made::of(created, &config.warnings))?
    } else {
        let mut text = report::sentence(created);
        if args.timings {
            text.push_str(&report::timings_of_one(created));
        }
        text
    };
    if args.console {
        eprint!("{text}");
        Ok(())
    } else {
        output::print(&text)
    }
}

/// A guest that ends sooner than this is not brought back at once: one that fails at
/// every start would take the host's time for good.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// Stays on the console of `guest`, through every restart, until it is no more or the
/// user leaves.
fn attend(
    app: &App,
    lifecycle: &Lifecycle,
    mut guest: Guest,
    until: Until,
) -> Result<ExitCode, Failure> {
    let mut session = Session::open(&guest.running)?;
    console::greet(session.is_interactive(), &guest);
    loop {
        let born = Instant::now();
        let left = watch_over(&mut session, &guest, until)?;
        let Left::Ended(end) = left else {
            drop(session);
            return console::leave(app, &Who::of(&guest), left);
        };
        let rest = SHORT_LIFE.saturating_sub(born.elapsed());
        if comes_back(&guest, end)
            && let Some(left) = session.rest(rest, until)?
        {
            drop(session);
            return console::leave(app, &Who::of(&guest), left);
        }
        let before = guest.clone();
        let outcome = lifecycle.carry_out(guest)?;
        let (name, how) = (&before.record.name, output::end(end));
        let text = format!("{name} ended ({how}) and {}", shutdown::text_of(&outcome));
        console::tell(app, &Who::of(&before), left, &text);
        match outcome {
            Outcome::Restarted { guest: again, .. } | Outcome::Lives(again) => guest = again,
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn watch_over(session: &mut Session, guest: &Guest, until: Until) -> Result<Left, Failure> {
    match session.attach(&guest.running, until) {
        Ok(left) => Ok(left),
        // Gone before it could be attached to.
        Err(e) => guest.running.end()?.map(Left::Ended).ok_or(e),
    }
}

/// Whether its configuration wants it back after such an end.
fn comes_back(guest: &Guest, end: End) -> bool {
    match end {
        End::Shutdown(reason) => matches!(
            action_for(&guest.record.config, reason),
            Action::Restart | Action::RenameRestart
        ),
        End::Destroyed => false,
    }
}
