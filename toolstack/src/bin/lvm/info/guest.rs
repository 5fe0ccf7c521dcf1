//! A guest, or a domain of another toolstack.

use std::sync::Arc;

use lightvm::api;
use lightvm::registry::Record;
use lightvm::xen::{Credit2, VcpuInfo, Xen, XenError};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::list::Row;
use crate::output;
use crate::target::Target;

#[derive(Debug, Serialize)]
pub(super) struct GuestInfo {
    #[serde(flatten)]
    row: Row,
    vcpu: Vec<Vcpu>,
    credit2: Option<Credit2>,
    /// What is written down; nothing for domains of other toolstacks.
    record: Option<Record>,
    /// What the daemon knows of a guest that it serves.
    served: Option<api::GuestInfo>,
    #[serde(skip)]
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct Vcpu {
    #[serde(flatten)]
    info: VcpuInfo,
    affinity: Vec<u32>,
    #[serde(skip)]
    affinity_text: String,
}

impl GuestInfo {
    pub(super) fn ask(app: &App, xen: &Arc<Xen>, target: &Target) -> Result<Self, Failure> {
        let host_cpus = xen.host()?.cpus;
        let vcpu = target.call(|xen, domid| {
            (0..target.entry.info.vcpus)
                .map(|vcpu| {
                    let affinity = xen.affinity(domid, vcpu)?;
                    Ok(Vcpu {
                        info: xen.vcpu_info(domid, vcpu)?,
                        affinity_text: output::cpus(&affinity, host_cpus),
                        affinity: affinity.iter().take_while(|&cpu| cpu < host_cpus).collect(),
                    })
                })
                .collect::<Result<Vec<_>, XenError>>()
        })?;
        // A pool with another scheduler has no such shares.
        let credit2 = xen.credit2(target.domid()).ok();
        let record = target.entry.record.clone();
        let served = served(app, record.as_ref())?;
        let mut facts = facts(target, credit2);
        facts.extend(served.iter().flat_map(served_facts));
        Ok(GuestInfo { row: Row::from(&target.entry), vcpu, credit2, record, served, facts })
    }

    pub(super) fn text(&self) -> String {
        let rows = self.vcpu.iter().map(|vcpu| {
            let state = match (vcpu.info.online, vcpu.info.running, vcpu.info.blocked) {
                (false, ..) => "offline",
                (_, true, _) => "running",
                (_, _, true) => "blocked",
                _ => "ready",
            };
            [
                vcpu.info.vcpu.to_string(),
                state.to_owned(),
                vcpu.info.cpu.to_string(),
                output::cpu_time(vcpu.info.cpu_time),
                vcpu.affinity_text.clone(),
            ]
        });
        let header = ["VCPU", "STATE", "ON CPU", "CPU TIME", "MAY RUN ON"];
        let mut text = output::facts(&self.facts);
        text.push('\n');
        text.push_str(&output::table(header, &[0, 2, 3], rows));
        if let Some(served) = &self.served {
            if !served.nics.is_empty() {
                text.push_str(&format!("\n{}", crate::net::table(&served.nics)));
            }
            if !served.disks.is_empty() {
                text.push_str(&format!("\n{}", crate::block::table(&served.disks)));
            }
        }
        if let Some(record) = &self.record {
            text.push_str("\nconfiguration:\n");
            for line in record.config.to_toml().lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

/// What the daemon knows of a guest, if it serves it and answers.
fn served(app: &App, record: Option<&Record>) -> Result<Option<api::GuestInfo>, Failure> {
    let Some(record) = record.filter(|record| record.channel.is_some()) else { return Ok(None) };
    match app.daemon()? {
        Some(client) => Ok(Some(client.guest(&record.uuid.to_string())?)),
        None => Ok(None),
    }
}

fn served_facts(served: &api::GuestInfo) -> Vec<(&'static str, String)> {
    let addresses: Vec<_> = served.summary.addresses.iter().map(ToString::to_string).collect();
    let report = match served.summary.report {
        api::Report::Booting => "nothing yet",
        api::Report::Booted => "it has booted",
        api::Report::Ready => "it is ready",
        api::Report::Stopping => "it is stopping",
        api::Report::Crashed => "it has crashed",
    };
    let mut facts = vec![("says", report.to_owned())];
    if !addresses.is_empty() {
        facts.push(("addresses", addresses.join(" ")));
    }
    facts.push(("viewers", served.console_viewers.to_string()));
    let faults =
        [("console disconnected", &served.console_fault), ("store ended", &served.store_fault)];
    facts.extend(faults.into_iter().filter_map(|(name, fault)| Some((name, fault.clone()?))));
    facts
}

fn facts(target: &Target, credit2: Option<Credit2>) -> Vec<(&'static str, String)> {
    let info = &target.entry.info;
    let mut facts = vec![
        ("name", target.label()),
        ("UUID", info.uuid.to_string()),
        ("domain", info.domid.to_string()),
        ("type", crate::list::type_of(&target.entry).to_owned()),
        ("state", output::state(info.state)),
        (
            "memory",
            format!("{} of at most {}", output::size(info.memory), output::size(info.max_memory)),
        ),
        ("vCPUs", format!("{} of {} up", info.online_vcpus, info.vcpus)),
        ("CPU time", output::cpu_time(info.cpu_time)),
        ("CPU pool", format!("Pool-{}", info.cpupool)),
    ];
    if let Some(Credit2 { weight, cap }) = credit2 {
        let cap = if cap == 0 { "none".to_owned() } else { format!("{cap}%") };
        facts.push(("credit2", format!("weight {weight}, cap {cap}")));
    }
    match &target.entry.record {
        Some(record) => {
            if let Some(control) = crate::list::control_of(&target.entry) {
                facts.push(("control", control.to_string()));
            }
            facts.push((
                "console",
                format!("frame {:#x}, port {}", record.console.frame, record.console.port),
            ));
            facts.push(("created", age(record.created)));
        }
        None => facts.push(("made by", "another toolstack".to_owned())),
    }
    facts
}

/// How long ago something happened.
fn age(created: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs()).saturating_sub(created);
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
