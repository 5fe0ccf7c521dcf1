//! `lvm list`: the domains of the host.

use lightvm::build::Control;
use lightvm::config::ControlMode;
use lightvm::registry::Entry;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::ListArgs;
use crate::failure::Failure;
use crate::output;
use crate::target::name_of;

pub(crate) fn run(app: &App, args: &ListArgs) -> Result<(), Failure> {
    let (xen, registry) = app.open()?;
    let entries = registry.list(&xen)?;
    match (args.names_only, app.json) {
        (true, true) => output::json(&guest_names(&entries)),
        (true, false) => output::print(&lines(&guest_names(&entries))),
        (false, true) => output::json(&entries.iter().map(Row::from).collect::<Vec<_>>()),
        (false, false) => output::print(&table(&entries, args.long)),
    }
}

/// The names of the guests that lvm created.
fn guest_names(entries: &[Entry]) -> Vec<String> {
    let records = entries.iter().filter_map(|entry| entry.record.as_ref());
    records.map(|record| record.name.to_string()).collect()
}

fn lines(names: &[String]) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// A domain in JSON, as `list` and `info` have it.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: Option<String>,
    uuid: Uuid,
    domid: u16,
    #[serde(rename = "type")]
    guest_type: &'static str,
    state: String,
    shutdown_reason: Option<String>,
    paused: bool,
    vcpus: u32,
    online_vcpus: u32,
    memory: u64,
    max_memory: u64,
    cpu_time_ns: u64,
    pool: u32,
    /// Created by lvm.
    managed: bool,
    /// Its control channel, if it has one.
    control: Option<ControlMode>,
}

impl From<&Entry> for Row {
    fn from(entry: &Entry) -> Self {
        let info = &entry.info;
        let (state, shutdown_reason) = output::state_words(info.state);
        Row {
            name: name_of(entry),
            uuid: info.uuid,
            domid: info.domid.0,
            guest_type: type_of(entry),
            state,
            shutdown_reason,
            paused: info.paused,
            vcpus: info.vcpus,
            online_vcpus: info.online_vcpus,
            memory: info.memory,
            max_memory: info.max_memory,
            cpu_time_ns: info.cpu_time,
            pool: info.cpupool,
            managed: entry.record.is_some(),
            control: control_of(entry),
        }
    }
}

/// Its type; of another toolstack's domain only that it is PV or not is known.
pub(crate) fn type_of(entry: &Entry) -> &'static str {
    match (&entry.record, entry.info.hvm) {
        (_, false) => "pv",
        (Some(_), true) => "pvh",
        (None, true) => "hvm",
    }
}

/// The control channel of a guest that the daemon serves.
pub(crate) fn control_of(entry: &Entry) -> Option<ControlMode> {
    let record = entry.record.as_ref()?;
    Some(match (record.channel.as_ref()?.control, record.config.control()) {
        (Control::None, _) => ControlMode::None,
        (Control::Noxs, _) => ControlMode::Noxs,
        (Control::Store, ControlMode::XenStore) => ControlMode::XenStore,
        (Control::Store, _) => ControlMode::Facade,
    })
}

fn table(entries: &[Entry], long: bool) -> String {
    const HEADER: [&str; 7] = ["NAME", "DOMID", "TYPE", "STATE", "VCPUS", "MEMORY", "CPU TIME"];
    let row = |entry: &Entry| {
        let info = &entry.info;
        [
            name_of(entry).unwrap_or_else(|| "-".to_owned()),
            info.domid.to_string(),
            type_of(entry).to_owned(),
            output::state(info.state),
            info.online_vcpus.to_string(),
            output::size(info.memory),
            output::cpu_time(info.cpu_time),
        ]
    };
    let numbers = [1, 4, 5, 6];
    if !long {
        return output::table(HEADER, &numbers, entries.iter().map(row));
    }
    let [a, b, c, d, e, f, g] = HEADER;
    let rows = entries.iter().map(|entry| {
        let [a, b, c, d, e, f, g] = row(entry);
        let control = control_of(entry).map_or_else(|| "-".to_owned(), |mode| mode.to_string());
        [a, b, c, d, e, f, g, control, entry.info.uuid.to_string()]
    });
    output::table([a, b, c, d, e, f, g, "CONTROL", "UUID"], &numbers, rows)
}
