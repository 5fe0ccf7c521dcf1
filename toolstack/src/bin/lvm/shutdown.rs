//! `lvm shutdown` and `lvm reboot`: stop a guest, then do what its configuration says.

use std::process::ExitCode;
use std::time::Duration;

use lightvm::config::GuestName;
use lightvm::domain::{End, Timings};
use lightvm::lifecycle::{Guest, Outcome};
use lightvm::xen::{DomId, DomainState, ShutdownReason};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::NamesArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::target::{self, Target};

/// How long Xen may take to bring all vCPUs of a domain to a stop.
const STOPPING: Duration = Duration::from_secs(10);

pub(crate) fn shutdown(app: &App, args: &NamesArgs) -> Result<ExitCode, Failure> {
    stop(app, args, ShutdownReason::Poweroff)
}

pub(crate) fn reboot(app: &App, args: &NamesArgs) -> Result<ExitCode, Failure> {
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

fn stop(app: &App, args: &NamesArgs, reason: ShutdownReason) -> Result<ExitCode, Failure> {
    let (xen, lifecycle) = app.lifecycle()?;
    let verb = if reason == ShutdownReason::Reboot { "reboot" } else { "shutdown" };
    target::each(app, &args.names, |name| {
        let guest = Target::find(&xen, lifecycle.registry(), name)?.guest(verb)?;
        let (name, uuid) = (guest.record.name.clone(), guest.record.uuid);
        let ended = end(&guest, reason)?;
        let outcome = lifecycle.carry_out_as(guest, reason)?;
        let (text, became) = (text_of(&outcome), became(&outcome));
        let stopped = Stopped { name: name.clone(), uuid, reason: ended, became };
        Ok((format!("{name} stopped and {text}"), stopped))
    })
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
