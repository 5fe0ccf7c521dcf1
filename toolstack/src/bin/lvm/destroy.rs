//! `lvm destroy`: takes domains away.

use lightvm::api::ErrorCode;
use lightvm::client::{Client, ClientError};
use lightvm::lifecycle::Lifecycle;
use lightvm::registry::Selector;
use lightvm::xen::{DomId, Xen};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::DestroyArgs;
use crate::exit::{Exit, ExitCode};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::target::{self, Target};

#[derive(Serialize)]
struct Destroyed {
    name: Option<String>,
    uuid: Uuid,
    domid: DomId,
    destroyed: bool,
}

pub(crate) fn run(app: &App, args: &DestroyArgs) -> Result<ExitCode, Failure> {
    let (xen, lifecycle) = app.lifecycle()?;
    let names = if args.all { every_guest(&xen, &lifecycle)? } else { args.names.clone() };
    let progress = Progress::new("destroying", names.len());
    let code = target::each(app, &names, |name| {
        let target = Target::find(&xen, lifecycle.registry(), name)?;
        let result = destroy(app, &lifecycle, &target, name, args);
        progress.step();
        result.map(|answer| (format!("{} is destroyed", target.label()), answer))
    });
    progress.finish();
    if args.all && names.is_empty() && !app.json {
        output::line("there are no guests")?;
    }
    code
}

/// UUIDs, which stay what they are while others rename.
fn every_guest(xen: &Xen, lifecycle: &Lifecycle) -> Result<Vec<String>, Failure> {
    let entries = lifecycle.registry().list(xen)?;
    let records = entries.into_iter().filter_map(|entry| entry.record);
    Ok(records.map(|record| record.uuid.to_string()).collect())
}

fn tell(client: &Client, uuid: &str, wait: bool) -> Result<(), ClientError> {
    if wait { client.destroy_and_wait(uuid) } else { client.destroy(uuid) }
}

fn destroy(
    app: &App,
    lifecycle: &Lifecycle,
    target: &Target,
    named: &str,
    args: &DestroyArgs,
) -> Result<Destroyed, Failure> {
    let info = &target.entry.info;
    if info.domid == DomId::DOM0 {
        return Err(Failure::said(Exit::Failure, "Domain-0 is this host itself; it stays"));
    }
    if let Some(record) = &target.entry.record {
        // The daemon gives back what it has of its guests first. Where it does not answer, they
        // can be taken away all the same.
        match app.daemon()?.filter(|_| record.channel.is_some()) {
            Some(client) => match tell(&client, &record.uuid.to_string(), args.wait) {
                // A stopped domain that was kept under another name is nobody's.
                Err(e) if e.code() == Some(ErrorCode::NotFound) => lifecycle.destroy(record)?,
                destroyed => destroyed?,
            },
            None => lifecycle.destroy(record)?,
        }
    } else if args.foreign && !matches!(Selector::from(named), Selector::Name(_)) {
        target.call(Xen::destroy_domain)?;
    } else {
        return Err(Failure::said(
            Exit::Failure,
            format!(
                "domain {} was not created by lvm; `lvm destroy --foreign {0}` destroys it all \
                 the same, without its toolstack's knowledge",
                info.domid
            ),
        ));
    }
    let name = target::name_of(&target.entry);
    Ok(Destroyed { name, uuid: info.uuid, domid: info.domid, destroyed: true })
}
