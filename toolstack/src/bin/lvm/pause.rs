//! `lvm pause` and `lvm unpause`.

use lightvm::xen::{DomId, Xen};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::NamesArgs;
use crate::exit::{Exit, ExitCode};
use crate::failure::Failure;
use crate::target::{self, Target};

#[derive(Serialize)]
struct Held {
    name: Option<String>,
    uuid: Uuid,
    domid: DomId,
    paused: bool,
    /// It was not so before.
    changed: bool,
}

pub(crate) fn pause(app: &App, args: &NamesArgs) -> Result<ExitCode, Failure> {
    hold(app, args, true)
}

pub(crate) fn unpause(app: &App, args: &NamesArgs) -> Result<ExitCode, Failure> {
    hold(app, args, false)
}

fn hold(app: &App, args: &NamesArgs, paused: bool) -> Result<ExitCode, Failure> {
    let (xen, registry) = app.open()?;
    target::each(app, &args.names, |name| {
        let target = Target::find(&xen, &registry, name)?;
        let info = &target.entry.info;
        if info.domid == DomId::DOM0 {
            return Err(Failure::said(Exit::Failure, "Domain-0 is this host itself; it goes on"));
        }
        // Xen counts holds; one of ours is enough, and takes one to take back.
        let changed = info.paused != paused;
        if changed {
            target.call(if paused { Xen::pause_domain } else { Xen::unpause_domain })?;
        }
        let line = match (paused, changed) {
            (true, true) => "is paused",
            (true, false) => "was paused already",
            (false, true) => "goes on",
            (false, false) => "was not paused",
        };
        let name = target::name_of(&target.entry);
        let held = Held { name, uuid: info.uuid, domid: info.domid, paused, changed };
        Ok((format!("{} {line}", target.label()), held))
    })
}
