//! `lvm network`: the daemon's networks.

use lightvm::api::{NetworkInfo, NetworkSpec, Uplink};
use serde::Serialize;

use crate::app::App;
use crate::args::{NetworkCreateArgs, NetworkDeleteArgs, NetworkVerb};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output;
use crate::target;

pub(crate) fn run(app: &App, verb: &NetworkVerb) -> Result<ExitCode, Failure> {
    match verb {
        NetworkVerb::Create(args) => create(app, args).map(|()| ExitCode::SUCCESS),
        NetworkVerb::List => list(app).map(|()| ExitCode::SUCCESS),
        NetworkVerb::Delete(args) => delete(app, args),
    }
}

fn create(app: &App, args: &NetworkCreateArgs) -> Result<(), Failure> {
    let info = app.need_daemon()?.create_network(&NetworkSpec::from(args))?;
    if app.json {
        return output::json(&info);
    }
    let by = info.interface.as_ref().map_or_else(String::new, |name| format!(" by {name}"));
    output::line(&format!("{} is there, {}{by}", info.spec.name, uplink(&info.spec.uplink)))
}

fn list(app: &App) -> Result<(), Failure> {
    let networks = app.need_daemon()?.networks()?;
    if app.json {
        return output::json(&networks);
    }
    let header = ["NAME", "UPLINK", "INTERFACE", "IPV4", "IPV6", "MTU", "GUESTS"];
    output::print(&output::table(header, &[5, 6], networks.iter().map(row)))
}

fn row(info: &NetworkInfo) -> [String; 7] {
    let NetworkSpec { name, uplink: up, subnet4, subnet6, mtu, .. } = &info.spec;
    [
        name.clone(),
        uplink(up),
        info.interface.clone().unwrap_or_else(dash),
        subnet4.map_or_else(dash, |net| net.to_string()),
        subnet6.map_or_else(dash, |net| net.to_string()),
        mtu.unwrap_or(1500).to_string(),
        info.ports.to_string(),
    ]
}

fn dash() -> String {
    "-".to_owned()
}

fn uplink(uplink: &Uplink) -> String {
    match uplink {
        Uplink::None => "without uplink".to_owned(),
        Uplink::Bridge { bridge } => format!("on bridge {bridge}"),
        Uplink::Routed { nat: false } => "routed".to_owned(),
        Uplink::Routed { nat: true } => "routed with NAT".to_owned(),
    }
}

#[derive(Serialize)]
struct Deleted {
    name: String,
    deleted: bool,
}

fn delete(app: &App, args: &NetworkDeleteArgs) -> Result<ExitCode, Failure> {
    let client = app.need_daemon()?;
    target::each(app, &args.names, |name| {
        client.delete_network(name)?;
        Ok((format!("{name} is deleted"), Deleted { name: name.to_owned(), deleted: true }))
    })
}
