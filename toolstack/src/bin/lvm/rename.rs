//! `lvm rename`: gives a guest another name.

use lightvm::api::ErrorCode;
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
    let (uuid, domid, name) = (guest.record.uuid, guest.record.domid, args.new);
    // The daemon tells others that know its guests by name.
    match app.daemon()?.filter(|_| guest.record.channel.is_some()) {
        Some(client) => match client.rename(&uuid.to_string(), &name) {
            // A stopped domain that was kept under another name is nobody's.
            Err(e) if e.code() == Some(ErrorCode::NotFound) => {
                registry.rename(&xen, &guest.record, name.clone()).map(drop)?;
            }
            renamed => renamed.map(drop)?,
        },
        None => registry.rename(&xen, &guest.record, name.clone()).map(drop)?,
    }
    if app.json {
        output::json(&Renamed { old, name, uuid, domid })
    } else {
        output::line(&format!("{old} is now {name}"))
    }
}
