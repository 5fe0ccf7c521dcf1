//! Building one shell.

use std::sync::Arc;

use lightvm::build::{ChannelSpec, Control};
use lightvm::create::{CreateError, Images};
use lightvm::domain::{Limits, Shell, ShellSpec, Timings};
use thiserror::Error;
use uuid::Uuid;

use super::facts::is_current;
use super::stock::Kept;
use crate::daemon::Daemon;
use crate::guests::{GuestRecord, OpenRecord, Stage, built_as};
use crate::pool::{Flavour, Form, Image, Places};

/// Why a shell could not be built. Nothing of it is left.
#[derive(Debug, Error)]
pub(super) enum ShellError {
    /// As with a guest.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Its files are not what they were when the flavour came to be.
    #[error("{0} has changed: its shells are for guests of the old version")]
    Outdated(String),
    /// It cannot be written down.
    #[error("cannot write a shell down: {0}")]
    Record(std::io::Error),
}

/// Builds a shell of `flavour`. Blocks on Xen and on files.
pub(super) fn build(daemon: &Arc<Daemon>, flavour: &Flavour) -> Result<Kept, ShellError> {
    let uuid = Uuid::new_v4();
    let control = flavour.form.control;
    // From here on the next daemon would tear it down.
    let (stage, devices) = (Stage::Building, Vec::new());
    let record = GuestRecord { uuid, stage, control, devices, claim: None };
    let open = daemon.records.begin(&record).map_err(ShellError::Record)?;
    let built = make(daemon, uuid, flavour, open);
    if built.is_err() {
        daemon.records.forget(uuid);
    }
    built
}

fn make(
    daemon: &Daemon,
    uuid: Uuid,
    flavour: &Flavour,
    open: OpenRecord,
) -> Result<Kept, ShellError> {
    let creator = daemon.lifecycle.creator();
    let mut shell =
        Shell::build(creator.xen(), &spec(uuid, &flavour.form)).map_err(CreateError::from)?;
    *shell.timings_mut() = Timings::default();
    let Some(image) = &flavour.image else { return Ok(Kept::blank(shell)) };
    let mut loaded = creator.load(shell, &images(image))?;
    *loaded.timings_mut() = Timings::default();
    if is_current(image) {
        Ok(Kept::loaded(daemon, loaded, open).map_err(CreateError::from)?)
    } else {
        Err(ShellError::Outdated(image.kernel.path.display().to_string()))
    }
}

fn images(image: &Image) -> Images<'_> {
    let ramdisk = image.ramdisk.as_ref().map(|file| file.path.as_path());
    Images { kernel: &image.kernel.path, ramdisk, cmdline: &image.cmdline }
}

fn spec(uuid: Uuid, form: &Form) -> ShellSpec {
    let Form { guest_type, memory, max_memory, vcpus, max_vcpus, tsc_mode, cpupool, .. } = *form;
    ShellSpec {
        uuid,
        guest_type,
        memory: memory.bytes(),
        max_memory: max_memory.bytes(),
        vcpus: vcpus.into(),
        max_vcpus: max_vcpus.into(),
        tsc_mode,
        cpupool,
        limits: Limits::default(),
        channel: channel(form),
    }
}

fn channel(form: &Form) -> ChannelSpec {
    let Places { nics, disks, spare, data_pages } = form.places;
    match built_as(form.control) {
        Control::Noxs => ChannelSpec::noxs(nics, disks, spare, data_pages),
        control => ChannelSpec { control, ..ChannelSpec::none() },
    }
}
