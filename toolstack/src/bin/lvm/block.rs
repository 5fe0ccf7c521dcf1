//! `lvm block-attach`, `block-detach` and `block-list`: a guest's disks.

use lightvm::api::DiskInfo;
use lightvm::client::Client;

use crate::app::App;
use crate::args::{BlockAttachArgs, BlockDetachArgs, DeviceListArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::net::{Detached, state};
use crate::output;

pub(crate) fn attach(app: &App, args: &BlockAttachArgs) -> Result<(), Failure> {
    let mut disk = args.disk.clone();
    let path = std::path::absolute(&disk.path);
    disk.path = path.map_err(Failure::io("cannot tell where the current folder is"))?;
    let info = app.need_daemon()?.attach_disk(&args.name, &disk)?;
    if app.json {
        return output::json(&info);
    }
    let (name, vdev, path) = (&args.name, info.disk.device(), info.disk.path.display());
    output::line(&format!("{name} has disk {vdev}, {} of {path}", output::size(info.size)))
}

pub(crate) fn detach(app: &App, args: &BlockDetachArgs) -> Result<(), Failure> {
    let BlockDetachArgs { name, disk, force } = args;
    let client = app.need_daemon()?;
    let index = find(&client, name, disk)?;
    client.detach_disk(name, index, *force)?;
    if app.json {
        return output::json(&Detached { name, index, detached: true });
    }
    output::line(&format!("{name} has no disk {disk} any more"))
}

/// The number of the disk that is called `disk`.
fn find(client: &Client, name: &str, disk: &str) -> Result<u8, Failure> {
    if let Ok(index) = disk.parse() {
        return Ok(index);
    }
    let disks = client.disks(name)?;
    match disks.iter().find(|info| info.disk.device().as_str() == disk) {
        Some(info) => Ok(info.index),
        None => {
            let text =
                format!("{name} has no disk `{disk}`; `lvm block-list {name}` shows its disks");
            Err(Failure::said(Exit::NotFound, text))
        }
    }
}

pub(crate) fn list(app: &App, args: &DeviceListArgs) -> Result<(), Failure> {
    let disks = app.need_daemon()?.disks(&args.name)?;
    if app.json { output::json(&disks) } else { output::print(&table(&disks)) }
}

/// What there is to say about disks, one a line.
pub(crate) fn table(disks: &[DiskInfo]) -> String {
    let header = ["DISK", "NAME", "SIZE", "ACCESS", "STATE", "READ", "WRITTEN", "ERRORS", "FILE"];
    output::table(header, &[0, 2, 5, 6, 7], disks.iter().map(row))
}

fn row(info: &DiskInfo) -> [String; 9] {
    [
        info.index.to_string(),
        info.disk.device().to_string(),
        output::size(info.size),
        if info.disk.writable { "rw" } else { "ro" }.to_owned(),
        state(info.connected, info.fault.as_deref()),
        info.stats.in_bytes.to_string(),
        info.stats.out_bytes.to_string(),
        info.stats.errors.to_string(),
        info.disk.path.display().to_string(),
    ]
}
