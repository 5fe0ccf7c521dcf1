//! The pool as clients see it.

use lightvm::api::{FlavourInfo, FlavourOrigin, PoolInfo};

use super::Shells;
use crate::pool::{FlavourReport, Origin};

/// What there is in the pool and what has become of it.
pub fn report(shells: &Shells) -> PoolInfo {
    let state = shells.state.lock();
    let report = state.planner.report();
    PoolInfo {
        enabled: shells.options.enabled,
        used: report.used_kib << 10,
        budget: report.budget_kib << 10,
        returning: report.on_its_way.coming() << 10,
        strangers: report.strangers,
        flavours: report.flavours.iter().map(flavour).collect(),
    }
}

fn flavour(of: &FlavourReport<'_>) -> FlavourInfo {
    let form = &of.flavour.form;
    let image = of.flavour.image.as_ref();
    FlavourInfo {
        id: of.id.number(),
        kernel: image.map(|image| image.kernel.path.clone()),
        cmdline: image.map(|image| image.cmdline.clone()),
        guest_type: form.guest_type,
        control: form.control,
        memory: form.memory.bytes(),
        vcpus: form.vcpus,
        nics: form.places.nics,
        disks: form.places.disks,
        origin: match of.origin {
            Origin::Declared => FlavourOrigin::Declared,
            Origin::Learned => FlavourOrigin::Learned,
            Origin::Withdrawn => FlavourOrigin::Withdrawn,
        },
        low: of.marks.low(),
        high: of.marks.high(),
        ready: of.ready,
        building: of.building,
        depth: of.depth,
        failures: of.failures,
        hits: of.counts.hits,
        misses: of.counts.misses,
        built: of.counts.built,
        failed: of.counts.failed,
        discarded: of.counts.discarded,
    }
}
