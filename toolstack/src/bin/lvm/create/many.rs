//! Many guests of one configuration: all of them, or none.

use std::time::{Duration, Instant};

use lightvm::config::{GuestConfig, Loaded};

use super::maker::{Created, Maker, WaitResult};
use super::report;
use crate::app::App;
use crate::args::CreateArgs;
use crate::exit::{Exit, ExitCode};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::signals::{Signals, interrupted};

pub(super) fn run(app: &App, args: &CreateArgs, config: &Loaded) -> Result<ExitCode, Failure> {
    if config.config.uuid().is_some() {
        return Err(Failure::usage("the configuration has a `uuid`, which is for one guest"));
    }
    let configs = numbered(&config.config, args.number.get())?;
    let (xen, registry) = app.open()?;
    for name in configs.iter().filter_map(GuestConfig::name) {
        registry.check_name(&xen, name)?;
    }
    let signals = Signals::hold()?;
    let maker = Maker::new(app, &signals, args, &config.config)?;
    let start = Instant::now();
    let progress = Progress::new("creating", configs.len());
    let mut made = Vec::with_capacity(configs.len());
    let result = configs.chunks(maker.at_a_time()).try_for_each(|configs| {
        signals.check()?;
        let (new, failed) = maker.make_all(configs);
        new.iter().for_each(|_| progress.step());
        let first = made.len();
        made.extend(new);
        failed.map_or(Ok(()), Err)?;
        made[first..].iter().try_for_each(sign_of_life)
    });
    progress.finish();
    let elapsed = start.elapsed();
    if let Err(failure) = result {
        let unmake = |created: &Created| maker.unmake(created);
        return Err(give_up(app, args, config, unmake, made, failure));
    }
    tell(app, args, config, &made, elapsed)?;
    Ok(ExitCode::SUCCESS)
}

/// The configuration of each: numbered from 1 where it has a name.
fn numbered(config: &GuestConfig, count: u32) -> Result<Vec<GuestConfig>, Failure> {
    let one = |number| {
        Ok(match config.name() {
            Some(name) => config.clone().with_name(name.with_suffix(format!("-{number}"))?),
            None => config.clone(),
        })
    };
    (1..=count).map(one).collect()
}

/// Fails where a wait ended without one.
fn sign_of_life(created: &Created) -> Result<(), Failure> {
    match created.waited.map(|waited| waited.result) {
        Some(WaitResult::TimedOut) => Err(Failure::said(
            Exit::Timeout,
            format!("no sign of life from {} within the time given", created.name),
        )),
        Some(WaitResult::Interrupted) => Err(interrupted()),
        Some(WaitResult::Sign(_) | WaitResult::Reached(_)) | None => Ok(()),
    }
}

/// Destroys what was made, or keeps it where that is wanted, and says so.
fn give_up(
    app: &App,
    args: &CreateArgs,
    config: &Loaded,
    unmake: impl Fn(&Created) -> Result<(), Failure>,
    made: Vec<Created>,
    failure: Failure,
) -> Failure {
    let total = args.number;
    let created = format!("{} of {total} had been created", made.len());
    if made.is_empty() {
        return failure.with("nothing was created");
    }
    if args.keep {
        let told = if app.json { tell(app, args, config, &made, Duration::ZERO) } else { Ok(()) };
        let kept = failure.with(format!("{created} and are kept"));
        return told.err().unwrap_or(kept);
    }
    let left: Vec<Created> = made.into_iter().filter(|created| unmake(created).is_err()).collect();
    if left.is_empty() {
        return failure.with(format!("{created} and are destroyed again"));
    }
    let names: Vec<_> = left.iter().map(|created| created.name.as_str()).collect();
    failure.with(format!("{created}; these could not be destroyed again: {}", names.join(" ")))
}

fn tell(
    app: &App,
    args: &CreateArgs,
    config: &Loaded,
    made: &[Created],
    elapsed: Duration,
) -> Result<(), Failure> {
    if app.json {
        let all: Vec<_> =
            made.iter().map(|created| report::Made::of(created, &config.warnings)).collect();
        return output::json(&all);
    }
    let mut text = report::summary(made, elapsed);
    if args.timings {
        text.push_str(&report::timings_of_many(made));
    }
    output::print(&text)
}
