//! One guest.

use std::process::ExitCode;
use std::time::Instant;

use lightvm::config::Loaded;
use lightvm::lifecycle::{Guest, Lifecycle, Outcome};

use super::maker::{Created, Maker, WaitResult};
use super::report;
use crate::app::App;
use crate::args::CreateArgs;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::{Left, Session, Until};
use crate::shutdown;
use crate::signals::{Signals, interrupted};

pub(super) fn run(app: &App, args: &CreateArgs, config: &Loaded) -> Result<ExitCode, Failure> {
    let (_, lifecycle) = app.lifecycle()?;
    let signals = Signals::hold()?;
    let until = Until { deadline: args.timeout.map(|t| Instant::now() + t), drain: None };
    let created = Maker::new(&lifecycle, &signals, args)?.make(&config.config)?;
    drop(signals);
    tell(app, args, config, &created)?;
    let name = &created.guest.record.name;
    match created.waited.map(|waited| waited.result) {
        Some(WaitResult::TimedOut) => {
            let text = format!("no sign of life from {name} within the time given; it lives on");
            return Err(Failure::said(Exit::Timeout, text));
        }
        Some(WaitResult::Interrupted) => {
            return Err(interrupted().with(format!("{name} lives on")));
        }
        Some(WaitResult::Sign(_)) | None => {}
    }
    if args.console { attend(app, &lifecycle, created.guest, until) } else { Ok(ExitCode::SUCCESS) }
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

/// Stays on the console of `guest`, through every restart, until it is no more or the
/// user leaves.
fn attend(
    app: &App,
    lifecycle: &Lifecycle,
    mut guest: Guest,
    until: Until,
) -> Result<ExitCode, Failure> {
    let mut session = Session::open(&guest.running)?;
    console::greet(&session, &guest);
    loop {
        let left = match session.attach(&guest.running, until) {
            Ok(left) => left,
            // Gone before it could be attached to.
            Err(e) => match guest.running.end()? {
                Some(end) => Left::Ended(end),
                None => return Err(e),
            },
        };
        let Left::Ended(end) = left else {
            drop(session);
            return console::leave(app, &guest, left);
        };
        let before = guest.clone();
        let outcome = lifecycle.carry_out(guest)?;
        let text = format!(
            "{} ended ({}) and {}",
            before.record.name,
            output::end(end),
            shutdown::text_of(&outcome)
        );
        console::tell(app, &before, left, &text);
        match outcome {
            Outcome::Restarted { guest: again, .. } | Outcome::Lives(again) => guest = again,
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}
