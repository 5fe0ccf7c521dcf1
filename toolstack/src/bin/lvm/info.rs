//! `lvm info`: everything about a guest, or about the host.

mod guest;
mod host;

use crate::app::App;
use crate::args::InfoArgs;
use crate::failure::Failure;
use crate::output;
use crate::target::Target;

pub(crate) fn run(app: &App, args: &InfoArgs) -> Result<(), Failure> {
    let (xen, registry) = app.open()?;
    let Some(name) = &args.name else {
        let host = host::HostInfo::ask(&xen)?;
        return if app.json { output::json(&host) } else { output::print(&host.text()) };
    };
    let target = Target::find(&xen, &registry, name)?;
    if args.config {
        let config = target.guest("info --config")?.record.config;
        return if app.json { output::json(&config) } else { output::print(&config.to_toml()) };
    }
    let info = guest::GuestInfo::ask(app, &xen, &target)?;
    if app.json { output::json(&info) } else { output::print(&info.text()) }
}
