//! `lvm rename`: gives a guest another name.

use lightvm::config::GuestName;
use lightvm::xen::DomId;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::RenameArgs;
use crate::failure::Failure;
use crate::output;
use crate::target::Target;

#[derive(Serialize)]
struct Renamed {
    old: GuestName,
    name: GuestName,
    uuid: Uuid,
    domid: DomId,
}

pub(crate) fn run(app: &App, args: RenameArgs) -> Result<(), Failure> {
    let (xen, registry) = app.open()?;
    let guest = Target::find(&xen, &registry, &args.old)?.guest("rename")?;
    let old = guest.record.name.clone();
    let record = registry.rename(&xen, &guest.record, args.new)?;
    if app.json {
        output::json(&Renamed { old, name: record.name, uuid: record.uuid, domid: record.domid })
    } else {
        output::line(&format!("{old} is now {}", record.name))
    }
}
