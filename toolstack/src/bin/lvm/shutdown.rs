//! `lvm shutdown` and `lvm reboot`: stop a guest, then do what its configuration says.

use std::time::Duration;

use lightvm::api::{ErrorCode, StopAnswer, StopOutcome, StopRequest};
use lightvm::config::GuestName;
use lightvm::domain::{End, Timings};
use lightvm::lifecycle::{Guest, Outcome};
use lightvm::xen::{DomId, DomainState, ShutdownReason};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::StopArgs;
use crate::exit::{Exit, ExitCode};
use crate::failure::Failure;
use crate::target::{self, Target};

/// How long Xen may take to bring all vCPUs of a domain to a stop.
const STOPPING: Duration = Duration::from_secs(10);

pub(crate) fn shutdown(app: &App, args: &StopArgs) -> Result<ExitCode, Failure> {
    stop(app, args, ShutdownReason::Poweroff)
}

pub(crate) fn reboot(app: &App, args: &StopArgs) -> Result<ExitCode, Failure> {
    stop(app, args, ShutdownReason::Reboot)
}

#[derive(Serialize)]
struct Stopped {
    name: GuestName,
    uuid: Uuid,
    /// Why it stopped: for a reason of its own where it had stopped before.
    reason: Option<ShutdownReason>,
    #[serde(flatten)]
    became: Became,
}

/// What became of a guest that stopped, in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Became {
    outcome: &'static str,
    domid: Option<DomId>,
    kept: Option<GuestName>,
    timings: Option<Timings>,
}

fn stop(app: &App, args: &StopArgs, reason: ShutdownReason) -> Result<ExitCode, Failure> {
    let (xen, lifecycle) = app.lifecycle()?;
    let verb = if reason == ShutdownReason::Reboot { "reboot" } else { "shutdown" };
    target::each(app, &args.names, |name| {
        let guest = Target::find(&xen, lifecycle.registry(), name)?.guest(verb)?;
        if guest.record.channel.is_some() {
            return ask(app, args, &guest, reason);
        }
        let (name, uuid) = (guest.record.name.clone(), guest.record.uuid);
        let ended = end(&guest, reason)?;
        let outcome = lifecycle.carry_out_as(guest, reason)?;
        let (text, became) = (text_of(&outcome), became(&outcome));
        let stopped = Stopped { name: name.clone(), uuid, reason: ended, became };
        Ok((format!("{name} stopped and {text}"), stopped))
    })
}

/// Has the daemon ask a guest to stop, wait for it, and do what is to be done then.
fn ask(
    app: &App,
    args: &StopArgs,
    guest: &Guest,
    reason: ShutdownReason,
) -> Result<(String, Stopped), Failure> {
    let client = app.need_daemon()?;
    let timeout_ms = u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX);
    let how = StopRequest { timeout_ms: Some(timeout_ms), force: args.force };
    let (name, uuid) = (&guest.record.name, guest.record.uuid.to_string());
    let asked = match reason {
        ShutdownReason::Reboot => client.reboot(&uuid, &how),
        _ => client.poweroff(&uuid, &how),
    };
    let answer = asked.map_err(|e| match e.code() {
        Some(ErrorCode::Timeout | ErrorCode::Unsupported) => Failure::from(e).with(format!(
            "it is left as it is; --force stops it without asking, `lvm destroy {name}` takes it \
             away"
        )),
        _ => e.into(),
    })?;
    Ok((format!("{name} {}", text_of_answer(&answer)), Stopped::by_daemon(answer)))
}

fn text_of_answer(answer: &StopAnswer) -> String {
    let domid = answer.domid.map_or_else(String::new, |domid| format!(" as domain {domid}"));
    match (answer.outcome, &answer.kept) {
        (StopOutcome::Asked, _) => "was asked".to_owned(),
        (StopOutcome::Destroyed, _) => "stopped and is destroyed".to_owned(),
        (StopOutcome::Preserved, _) => format!("stopped and is kept{domid}, to be destroyed"),
        (StopOutcome::Restarted, None) => format!("stopped and runs again{domid}"),
        (StopOutcome::Restarted, Some(kept)) => {
            format!("stopped and runs again{domid}; the old one is kept as {kept}")
        }
    }
}

impl Stopped {
    fn by_daemon(answer: StopAnswer) -> Self {
        let outcome = match answer.outcome {
            StopOutcome::Asked => "asked",
            StopOutcome::Destroyed => "destroyed",
            StopOutcome::Restarted => "restarted",
            StopOutcome::Preserved => "preserved",
        };
        let domid = answer.domid.map(DomId);
        let became = Became { outcome, domid, kept: answer.kept, timings: answer.timings };
        Stopped { name: answer.name, uuid: answer.uuid, reason: answer.reason, became }
    }
}

/// Brings `guest` to a stop unless it stopped before; answers why it stopped, nothing
/// when it is gone.
fn end(guest: &Guest, reason: ShutdownReason) -> Result<Option<ShutdownReason>, Failure> {
    if !matches!(guest.running.info()?.state, DomainState::Shutdown(_)) {
        guest.running.shutdown(reason)?;
    }
    match guest.running.wait(Some(STOPPING))? {
        Some(End::Shutdown(reason)) => Ok(Some(reason)),
        Some(End::Destroyed) => Ok(None),
        None => Err(Failure::said(
            Exit::Timeout,
            format!("{} does not stop; `lvm destroy` ends it", guest.record.name),
        )),
    }
}

/// What became of a guest, behind "and".
pub(crate) fn text_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Gone => "is destroyed".to_owned(),
        Outcome::Preserved(guest) => {
            format!("is kept as domain {}, to be destroyed", guest.running.domid())
        }
        Outcome::Restarted { guest, kept: None, .. } => {
            format!("runs again as domain {}", guest.running.domid())
        }
        Outcome::Restarted { guest, kept: Some(kept), .. } => {
            format!("runs again as domain {}; the old one is kept as {kept}", guest.running.domid())
        }
        _ => "lives".to_owned(),
    }
}

pub(crate) fn became(outcome: &Outcome) -> Became {
    let (outcome, guest, kept, timings) = match outcome {
        Outcome::Gone => ("destroyed", None, None, None),
        Outcome::Preserved(guest) => ("preserved", Some(guest), None, None),
        Outcome::Restarted { guest, timings, kept } => {
            ("restarted", Some(guest), kept.clone(), Some(*timings))
        }
        Outcome::Lives(guest) => ("lives", Some(guest), None, None),
        _ => ("unknown", None, None, None),
    };
    Became { outcome, domid: guest.map(|guest| guest.running.domid()), kept, timings }
}
