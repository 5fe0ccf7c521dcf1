//! A guest of a shell that waits, made on the control thread: nothing here waits for anybody, and
//! changing threads would take longer than all of it.

use std::sync::Arc;

use lightvm::api::Built;
use lightvm::config::{ControlMode, GuestConfig};

use super::GuestError;
use super::build::{Made, Site};
use super::keys::KeyClaim;
use super::record::{GuestRecord, Stage};
use crate::daemon::Daemon;
use crate::shard::Command;
use crate::shells::{self, Ticket};

/// Makes the guest that `config` describes of a loaded shell, unless that could take a while: a
/// device, a UUID or a name that is known has others asked first. `None`: nothing was done.
pub(super) fn finish(
    daemon: &Arc<Daemon>,
    config: &GuestConfig,
    paused: bool,
    claim: Option<&KeyClaim>,
) -> Option<Result<Made, GuestError>> {
    let has_devices = !config.nics().is_empty() || !config.disks().is_empty();
    let is_known = config.name().is_some_and(|name| daemon.guests.knows(name));
    if has_devices || is_known || config.uuid().is_some() {
        return None;
    }
    let images = daemon.lifecycle.creator().inspect_known(config)?;
    if images.control != ControlMode::Noxs {
        return None;
    }
    let ticket = shells::at_hand(daemon, config, &images)?;
    Some(of_shell(daemon, config, paused, claim, ticket))
}

fn of_shell(
    daemon: &Arc<Daemon>,
    config: &GuestConfig,
    paused: bool,
    claim: Option<&KeyClaim>,
    mut ticket: Ticket,
) -> Result<Made, GuestError> {
    let uuid = ticket.uuid().ok_or(GuestError::Broken)?;
    let (control, claim) = (ControlMode::Noxs, claim.cloned());
    // So it was written down when it was built; it gets its claim as it comes to life.
    let mut record =
        GuestRecord { uuid, stage: Stage::Building, control, devices: Vec::new(), claim };
    let site = Site { daemon, uuid };
    let built = site.arrange(config, &record, &mut ticket, None).and_then(|(arranged, arrival)| {
        let shard = arranged.shard;
        site.leave_at_door(shard, arrival)?;
        site.begin(arranged, &mut record, paused).inspect_err(|_| {
            let (answer, _) = tokio::sync::oneshot::channel();
            daemon.shards[shard].send(Command::Leave(uuid, answer));
        })
    });
    match built {
        Ok((guest, timings)) => Ok(Made { guest, timings, how: Built::Loaded }),
        Err(e) => {
            daemon.records.forget(uuid);
            daemon.consoles.close(uuid);
            daemon.logs.close(uuid);
            Err(e)
        }
    }
}
