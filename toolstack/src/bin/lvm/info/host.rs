//! The host.

use std::sync::Arc;

use lightvm::xen::{CpuPool, Host, Xen};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Serialize)]
pub(super) struct HostInfo {
    xen: String,
    domctl: u32,
    sysctl: u32,
    #[serde(flatten)]
    host: Host,
    domains: usize,
    pools: Vec<Pool>,
}

#[derive(Debug, Serialize)]
struct Pool {
    id: u32,
    name: String,
    scheduler: String,
    domains: u32,
}

impl From<CpuPool> for Pool {
    fn from(pool: CpuPool) -> Self {
        Pool {
            id: pool.id,
            name: format!("Pool-{}", pool.id),
            scheduler: scheduler(pool.scheduler),
            domains: pool.domains,
        }
    }
}

/// `XEN_SCHEDULER_*` of `public/domctl.h`.
fn scheduler(number: u32) -> String {
    match number {
        4 => "sedf".to_owned(),
        5 => "credit".to_owned(),
        6 => "credit2".to_owned(),
        7 => "arinc653".to_owned(),
        8 => "rtds".to_owned(),
        9 => "null".to_owned(),
        other => format!("scheduler {other}"),
    }
}

impl HostInfo {
    pub(super) fn ask(xen: &Arc<Xen>) -> Result<Self, Failure> {
        let version = xen.version();
        Ok(HostInfo {
            xen: format!("{}.{}{}", version.major, version.minor, xen.extra_version()?),
            domctl: version.domctl,
            sysctl: version.sysctl,
            host: xen.host()?,
            domains: xen.domains()?.len(),
            pools: xen.cpu_pools()?.into_iter().map(Pool::from).collect(),
        })
    }

    pub(super) fn text(&self) -> String {
        let host = &self.host;
        let yes = |can| if can { "yes" } else { "no" }.to_owned();
        let pool = |pool: &Pool| {
            format!(
                "{} ({}, {})",
                pool.name,
                pool.scheduler,
                output::count(pool.domains as usize, "domain")
            )
        };
        output::facts(&[
            ("Xen", self.xen.clone()),
            ("interfaces", format!("domctl {:#x}, sysctl {:#x}", self.domctl, self.sysctl)),
            (
                "CPUs",
                format!(
                    "{} at {} MHz, {}",
                    host.cpus,
                    host.cpu_khz / 1000,
                    output::count(host.nodes as usize, "node")
                ),
            ),
            ("memory", output::size(host.memory)),
            ("free memory", output::size(host.free_memory)),
            ("PVH guests", yes(host.pvh)),
            ("PV guests", yes(host.pv)),
            ("domains", self.domains.to_string()),
            ("CPU pools", self.pools.iter().map(pool).collect::<Vec<_>>().join(", ")),
        ])
    }
}
