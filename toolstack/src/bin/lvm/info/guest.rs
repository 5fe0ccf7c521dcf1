//! A guest, or a domain of another toolstack.

use std::sync::Arc;

use lightvm::registry::Record;
use lightvm::xen::{Credit2, VcpuInfo, Xen, XenError};
use serde::Serialize;

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
    pub(super) fn ask(xen: &Arc<Xen>, target: &Target) -> Result<Self, Failure> {
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
        let facts = facts(target, credit2);
        Ok(GuestInfo { row: Row::from(&target.entry), vcpu, credit2, record, facts })
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
        if let Some(record) = &self.record {
            text.push_str("\nconfiguration:\n");
            for line in record.config.to_toml().lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
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
