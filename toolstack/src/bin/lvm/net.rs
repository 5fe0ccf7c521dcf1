//! `lvm net-attach`, `net-detach` and `net-list`: a guest's network interfaces.

use lightvm::api::NicInfo;
use lightvm::config::Nic;
use serde::Serialize;

use crate::app::App;
use crate::args::{DeviceListArgs, NetAttachArgs, NetDetachArgs};
use crate::failure::Failure;
use crate::output;

pub(crate) fn attach(app: &App, args: &NetAttachArgs) -> Result<(), Failure> {
    let info = app.need_daemon()?.attach_nic(&args.name, &args.nic)?;
    if app.json {
        return output::json(&info);
    }
    let place = place(&info.nic);
    output::line(&format!("{} has interface {}, {} {place}", args.name, info.index, mac(&info.nic)))
}

/// A device that was taken away, in JSON.
#[derive(Serialize)]
pub(crate) struct Detached<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: u8,
    pub(crate) detached: bool,
}

pub(crate) fn detach(app: &App, args: &NetDetachArgs) -> Result<(), Failure> {
    let NetDetachArgs { name, index, force } = args;
    app.need_daemon()?.detach_nic(name, *index, *force)?;
    if app.json {
        return output::json(&Detached { name, index: *index, detached: true });
    }
    output::line(&format!("{name} has no interface {index} any more"))
}

pub(crate) fn list(app: &App, args: &DeviceListArgs) -> Result<(), Failure> {
    let nics = app.need_daemon()?.nics(&args.name)?;
    if app.json { output::json(&nics) } else { output::print(&table(&nics)) }
}

/// What there is to say about interfaces, one a line.
pub(crate) fn table(nics: &[NicInfo]) -> String {
    let header =
        ["NIC", "MAC", "WHERE", "ADDRESSES", "STATE", "IN", "OUT", "PACKETS IN", "OUT", "DROPPED"];
    output::table(header, &[0, 5, 6, 7, 8, 9], nics.iter().map(row))
}

fn row(info: &NicInfo) -> [String; 10] {
    let addresses: Vec<_> = info.nic.addresses.iter().map(ToString::to_string).collect();
    let stats = &info.stats;
    [
        info.index.to_string(),
        mac(&info.nic),
        place(&info.nic),
        if addresses.is_empty() { "-".to_owned() } else { addresses.join(" ") },
        state(info.connected, info.fault.as_deref()),
        stats.in_bytes.to_string(),
        stats.out_bytes.to_string(),
        stats.in_count.to_string(),
        stats.out_count.to_string(),
        (stats.in_dropped + stats.out_dropped).to_string(),
    ]
}

/// What a device is doing.
pub(crate) fn state(connected: bool, fault: Option<&str>) -> String {
    match (connected, fault) {
        (_, Some(fault)) => format!("disconnected ({fault})"),
        (true, None) => "connected".to_owned(),
        (false, None) => "not in use".to_owned(),
    }
}

fn mac(nic: &Nic) -> String {
    nic.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string().to_lowercase())
}

/// What an interface is attached to.
fn place(nic: &Nic) -> String {
    match (&nic.network, &nic.bridge, &nic.tap) {
        (Some(network), ..) => format!("network {network}"),
        (_, Some(bridge), _) => format!("bridge {bridge}"),
        (_, _, Some(tap)) => format!("tap {tap}"),
        _ => "the default network".to_owned(),
    }
}
