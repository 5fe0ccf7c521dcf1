//! `lvm vcpu-pin`: where vCPUs may run.

use lightvm::config::HostCpus;
use lightvm::xen::{CpuMap, DomId};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::{VcpuPinArgs, Vcpus};
use crate::failure::Failure;
use crate::output;
use crate::target::{self, Target};

#[derive(Serialize)]
struct Pinned {
    name: Option<String>,
    uuid: Uuid,
    domid: DomId,
    vcpus: Vec<u32>,
    cpus: Vec<u32>,
}

pub(crate) fn run(app: &App, args: &VcpuPinArgs) -> Result<(), Failure> {
    let (xen, registry) = app.open()?;
    let target = Target::find(&xen, &registry, &args.name)?;
    let info = &target.entry.info;
    let vcpus = match args.vcpus {
        Vcpus::All => (0..info.vcpus).collect(),
        Vcpus::One(vcpu) if vcpu < info.vcpus => vec![vcpu],
        Vcpus::One(vcpu) => {
            let last = info.vcpus.saturating_sub(1);
            let label = target.label();
            return Err(Failure::usage(format!("{label} has no vCPU {vcpu}; it has 0 to {last}")));
        }
    };
    let nodes = xen.cpu_nodes()?;
    let cpus = args.cpus.resolve(HostCpus { node_of_cpu: &nodes })?;
    let map: CpuMap = cpus.iter().copied().collect();
    for &vcpu in &vcpus {
        target.call(|xen, domid| xen.set_affinity(domid, vcpu, &map))?;
    }
    if app.json {
        let name = target::name_of(&target.entry);
        return output::json(&Pinned { name, uuid: info.uuid, domid: info.domid, vcpus, cpus });
    }
    let which = match args.vcpus {
        Vcpus::All => output::count(vcpus.len(), "vCPU"),
        Vcpus::One(vcpu) => format!("vCPU {vcpu}"),
    };
    let host = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    output::line(&format!("{which} of {} on CPUs {}", target.label(), output::cpus(&map, host)))
}
