//! `lvm pool`: the shells that the daemon keeps.

use lightvm::api::{FlavourInfo, FlavourOrigin, FlavourSpec, PoolInfo};
use lightvm::config::GuestConfig;
use serde::Serialize;

use crate::app::App;
use crate::args::{PoolAddArgs, PoolRemoveArgs, PoolVerb};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output;
use crate::target;

const MIB: u64 = 1 << 20;

pub(crate) fn run(app: &App, verb: Option<&PoolVerb>) -> Result<ExitCode, Failure> {
    match verb {
        None | Some(PoolVerb::List) => list(app).map(|()| ExitCode::SUCCESS),
        Some(PoolVerb::Add(args)) => add(app, args).map(|()| ExitCode::SUCCESS),
        Some(PoolVerb::Remove(args)) => remove(app, args),
    }
}

fn add(app: &App, args: &PoolAddArgs) -> Result<(), Failure> {
    let loaded = GuestConfig::load(&args.config)?;
    let PoolAddArgs { low, high, blank, .. } = *args;
    let spec = FlavourSpec { low, high, loaded: !blank, guest: loaded.config };
    let added = app.need_daemon()?.add_flavour(&spec)?;
    if app.json {
        return output::json(&added);
    }
    output::line(&format!("flavour {} has {} to {} shells", added.id, added.low, added.high))
}

#[derive(Serialize)]
struct Removed {
    id: u64,
    removed: bool,
}

fn remove(app: &App, args: &PoolRemoveArgs) -> Result<ExitCode, Failure> {
    let client = app.need_daemon()?;
    let numbers: Vec<_> = args.numbers.iter().map(u64::to_string).collect();
    target::each(app, &numbers, |number| {
        let id = number.parse().unwrap_or(u64::MAX);
        client.remove_flavour(id)?;
        Ok((format!("flavour {id} is removed"), Removed { id, removed: true }))
    })
}

fn list(app: &App) -> Result<(), Failure> {
    let pool = app.need_daemon()?.pool()?;
    if app.json {
        return output::json(&pool);
    }
    let header = [
        "ID", "IMAGE", "TYPE", "MIB", "NICS", "DISKS", "FROM", "READY", "WANTED", "HITS", "MISSES",
    ];
    let rows = pool.flavours.iter().map(row);
    output::print(&output::table(header, &[0, 3, 4, 5, 7, 8, 9, 10], rows))?;
    output::line(&summary(&pool))
}

fn summary(pool: &PoolInfo) -> String {
    if !pool.enabled {
        return "the pool is switched off: `enabled` in chaosd's configuration".to_owned();
    }
    let (used, budget) = (pool.used.div_ceil(MIB), pool.budget / MIB);
    format!("{used} of {budget} MiB; {} requests were of no flavour", pool.strangers)
}

fn row(flavour: &FlavourInfo) -> [String; 11] {
    let kernel = flavour.kernel.as_ref().and_then(|path| path.file_name());
    let image = kernel.map_or("any".into(), |name| name.to_string_lossy());
    let origin = match flavour.origin {
        FlavourOrigin::Declared => "declared",
        FlavourOrigin::Learned => "learned",
        FlavourOrigin::Withdrawn => "withdrawn",
    };
    [
        flavour.id.to_string(),
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
