//! `lvm pool`: the shells that the daemon keeps.

use lightvm::api::{FlavourInfo, FlavourOrigin, PoolInfo};

use crate::app::App;
use crate::failure::Failure;
use crate::output;

const MIB: u64 = 1 << 20;

pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let pool = app.need_daemon()?.pool()?;
    if app.json {
        return output::json(&pool);
    }
    let header =
        ["IMAGE", "TYPE", "MIB", "NICS", "DISKS", "FROM", "READY", "WANTED", "HITS", "MISSES"];
    let rows = pool.flavours.iter().map(row);
    output::print(&output::table(header, &[2, 3, 4, 6, 7, 8, 9], rows))?;
    output::line(&summary(&pool))
}

fn summary(pool: &PoolInfo) -> String {
    if !pool.enabled {
        return "the pool is switched off: `enabled` in chaosd's configuration".to_owned();
    }
    let (used, budget) = (pool.used.div_ceil(MIB), pool.budget / MIB);
    format!("{used} of {budget} MiB; {} requests were of no flavour", pool.strangers)
}

fn row(flavour: &FlavourInfo) -> [String; 10] {
    let kernel = flavour.kernel.as_ref().and_then(|path| path.file_name());
    let image = kernel.map_or("any".into(), |name| name.to_string_lossy());
    let origin = match flavour.origin {
        FlavourOrigin::Declared => "declared",
        FlavourOrigin::Learned => "learned",
        FlavourOrigin::Withdrawn => "withdrawn",
    };
    [
        image.into_owned(),
        flavour.guest_type.to_string(),
        flavour.memory.div_ceil(MIB).to_string(),
        flavour.nics.to_string(),
        flavour.disks.to_string(),
        origin.to_owned(),
        flavour.ready.to_string(),
        flavour.depth.to_string(),
        flavour.hits.to_string(),
        flavour.misses.to_string(),
    ]
}
