//! `lvm sched-credit2`: shares under the credit2 scheduler.

use std::num::NonZeroU16;
use std::sync::Arc;

use lightvm::registry::{Entry, Registry};
use lightvm::xen::{Credit2, DomId, Xen};
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::args::SchedCredit2Args;
use crate::failure::Failure;
use crate::output;
use crate::target::{self, Target};

#[derive(Serialize)]
struct Share {
    name: Option<String>,
    uuid: Uuid,
    domid: DomId,
    weight: u16,
    cap: u16,
}

impl Share {
    fn of(entry: &Entry, Credit2 { weight, cap }: Credit2) -> Self {
        let name = target::name_of(entry);
        Share { name, uuid: entry.info.uuid, domid: entry.info.domid, weight, cap }
    }
}

pub(crate) fn run(app: &App, args: &SchedCredit2Args) -> Result<(), Failure> {
    let (xen, registry) = app.open()?;
    let shares = match &args.name {
        Some(name) => {
            let target = Target::find(&xen, &registry, name)?;
            vec![of_one(&target, args)?]
        }
        None => of_all(&xen, &registry)?,
    };
    if app.json {
        return output::json(&shares);
    }
    let rows = shares.into_iter().map(|share| {
        [
            share.name.unwrap_or_else(|| "-".to_owned()),
            share.domid.to_string(),
            share.weight.to_string(),
            if share.cap == 0 { "none".to_owned() } else { format!("{}%", share.cap) },
        ]
    });
    output::print(&output::table(["NAME", "DOMID", "WEIGHT", "CAP"], &[1, 2, 3], rows))
}

fn of_one(target: &Target, args: &SchedCredit2Args) -> Result<Share, Failure> {
    let mut share = target.call(Xen::credit2)?;
    if args.weight.is_some() || args.cap.is_some() {
        share.weight = args.weight.map_or(share.weight, NonZeroU16::get);
        share.cap = args.cap.unwrap_or(share.cap);
        target.call(|xen, domid| xen.set_credit2(domid, share))?;
        share = target.call(Xen::credit2)?;
    }
    Ok(Share::of(&target.entry, share))
}

/// Domains in pools of other schedulers, and such as go meanwhile, are left out.
fn of_all(xen: &Arc<Xen>, registry: &Registry) -> Result<Vec<Share>, Failure> {
    let entries = registry.list(xen)?;
    let share = |entry: &Entry| Some(Share::of(entry, xen.credit2(entry.info.domid).ok()?));
    Ok(entries.iter().filter_map(share).collect())
}
