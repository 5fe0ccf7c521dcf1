//! The pool at work: plans, builds, discards, for ever.

use std::sync::Arc;
use std::time::Duration;

use lightvm::api::Happened;
use tokio::time::sleep;
use tracing::debug;

use super::declared::declare_all;
use super::{build, destroy};
use crate::daemon::Daemon;
use crate::pool::{FlavourId, Plan, Verdict};

/// When to plan again where the plan does not say: the host's memory changes by itself.
const IDLE: Duration = Duration::from_secs(60);

/// How long a guest that was just created, and whoever asked for it, have the host to themselves.
const REST: Duration = Duration::from_millis(1);

/// Keeps the pool as its policy wants it, until the daemon ends.
pub async fn run(daemon: Arc<Daemon>) {
    if !daemon.shells.options.enabled {
        return std::future::pending().await;
    }
    declare_all(&daemon).await;
    loop {
        let wait = match plan(&daemon) {
            Some(plan) => carry_out(&daemon, plan),
            None => IDLE,
        };
        tokio::select! {
            () = daemon.shells.changed.notified() => {}
            () = daemon.shells.served.notified() => {
                // Who was answered may wait for this processor: setting a timer takes a while.
                let _ = nix::sched::sched_yield();
                sleep(REST).await;
            }
            () = sleep(wait) => {}
        }
    }
}

fn plan(daemon: &Daemon) -> Option<Plan> {
    let free = daemon.xen.host().ok()?.free_memory;
    let now = daemon.shells.now();
    Some(daemon.shells.state.lock().planner.plan(now, free >> 10))
}

/// Begins what is planned; answers how long to wait at most before the next plan.
fn carry_out(daemon: &Arc<Daemon>, plan: Plan) -> Duration {
    for id in plan.builds {
        let site = Arc::clone(daemon);
        daemon.background.put(move || build_one(&site, id));
    }
    if !plan.discards.is_empty() {
        let given_up = daemon.shells.state.lock().take_away(&plan.discards);
        let kib = plan.discards.iter().map(|discard| discard.kib).sum();
        let site = Arc::clone(daemon);
        daemon.background.put(move || destroy(&site, given_up, kib));
    }
    let next = plan.next.map(|at| at.saturating_sub(daemon.shells.now()));
    next.unwrap_or(IDLE).min(IDLE)
}

/// Builds a shell and puts it on its shelf, or books why not.
fn build_one(daemon: &Arc<Daemon>, id: FlavourId) {
    let shells = &daemon.shells;
    let flavour = shells.state.lock().planner.flavour(id).cloned();
    let began = shells.now();
    let built = flavour.map(|flavour| build::build(daemon, &flavour));
    let mut state = shells.state.lock();
    let too_many = match built {
        Some(Ok(shell)) => match state.planner.built(id, shells.now().saturating_sub(began)) {
            Verdict::Keep => {
                state.stock.put(id, shell);
                None
            }
            Verdict::Discard => {
                let kib = state.planner.flavour(id).map_or(0, |f| f.footprint_kib().max(1));
                Some((shell, kib))
            }
        },
        Some(Err(e)) => {
            state.planner.failed(shells.now(), id, 0);
            drop(state);
            debug!("a shell could not be built: {e}");
            daemon.events.tell(Happened::ShellFailed { message: e.to_string() });
            return shells.look();
        }
        None => {
            state.planner.failed(shells.now(), id, 0);
            None
        }
    };
    drop(state);
    match too_many {
        Some((shell, kib)) => destroy(daemon, vec![shell], kib),
        None => shells.look(),
    }
}
