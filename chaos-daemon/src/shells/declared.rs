//! Flavours that are kept because somebody said so: in the configuration, or while the daemon runs.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use lightvm::api::{FlavourInfo, FlavourSpec};
use lightvm::config::ControlMode;
use lightvm::lifecycle::LifecycleError;
use tracing::warn;

use super::facts::facts;
use super::report::report;
use crate::daemon::{Daemon, blocking};
use crate::guests::GuestError;
use crate::pool::{Flavour, FlavourOptions, Options};

/// Keeps shells of a kind from now on, those of a daemon after this one too.
///
/// # Errors
/// [`GuestError::Unsupported`] when no shell can be of that kind, [`GuestError::Lifecycle`] when its
/// image cannot be read, [`GuestError::Record`].
pub async fn add(daemon: &Arc<Daemon>, spec: FlavourSpec) -> Result<FlavourInfo, GuestError> {
    if !daemon.shells.options.enabled {
        return Err(unsupported("the pool is switched off: `enabled` in chaosd's configuration"));
    }
    if spec.high == 0 {
        return Err(unsupported("`high` has to be at least 1"));
    }
    let (on, options) = (Arc::clone(daemon), FlavourOptions::from(spec));
    let number = blocking(move || {
        let flavour = declare(&on, &options)?;
        remember(&on, &flavour, Some(&options)).map_err(GuestError::Record)?;
        let number = on.shells.state.lock().planner.find(&flavour).map(|id| id.number());
        number.ok_or(GuestError::Broken)
    })
    .await??;
    daemon.shells.look();
    let flavours = report(&daemon.shells).flavours;
    flavours.into_iter().find(|info| info.id == number).ok_or(GuestError::Broken)
}

/// Keeps shells of a flavour no longer.
///
/// # Errors
/// [`GuestError::NoFlavour`], [`GuestError::Record`].
pub async fn remove(daemon: &Arc<Daemon>, number: u64) -> Result<(), GuestError> {
    let flavour = daemon.shells.state.lock().planner.kept(number).cloned();
    let flavour = flavour.ok_or(GuestError::NoFlavour(number))?;
    let on = Arc::clone(daemon);
    blocking(move || {
        remember(&on, &flavour, None).map_err(GuestError::Record)?;
        on.shells.state.lock().planner.withdraw(&flavour);
        Ok::<_, GuestError>(())
    })
    .await??;
    daemon.shells.look();
    Ok(())
}

/// Makes flavours of those in the configuration and of those that were added to an earlier daemon.
pub(super) async fn declare_all(daemon: &Arc<Daemon>) {
    let path = daemon.records.flavours();
    let added = read(&path).unwrap_or_else(|e| {
        warn!(path = %path.display(), "flavours that were added are lost: {e}");
        Vec::new()
    });
    for options in daemon.shells.options.flavour.iter().cloned().chain(added) {
        let (on, kernel) = (Arc::clone(daemon), options.guest.kernel().to_owned());
        let declared = blocking(move || declare(&on, &options)).await;
        if let Err(e) = declared.and_then(|declared| declared) {
            warn!(kernel = %kernel.display(), "a flavour cannot be kept: {e}");
        }
    }
}

/// Goes on with what the configuration says of the pool by now, where it said `before`. Whether
/// there is a pool at all stays as it is.
pub(crate) async fn configure(daemon: &Arc<Daemon>, before: Options, after: Options) {
    if !daemon.shells.options.enabled {
        return;
    }
    daemon.shells.state.lock().planner.configure(after.settings());
    let on = Arc::clone(daemon);
    let _ = blocking(move || exchange(&on, &before.flavour, &after.flavour)).await;
    daemon.shells.look();
}

/// Keeps shells of the flavours in `after`, and no longer of those that are in `before` alone and that
/// nobody added.
fn exchange(daemon: &Daemon, before: &[FlavourOptions], after: &[FlavourOptions]) {
    let added = read(&daemon.records.flavours()).unwrap_or_default();
    let all = after.iter().chain(&added);
    let kept: Vec<_> = all.filter_map(|options| flavour(daemon, options).ok()).collect();
    let cannot = |options: &FlavourOptions, e: GuestError| {
        warn!(kernel = %options.guest.kernel().display(), "a flavour is as before: {e}");
    };
    for options in before.iter().filter(|options| !after.contains(options)) {
        match flavour(daemon, options) {
            Ok(flavour) if kept.contains(&flavour) => {}
            Ok(flavour) => daemon.shells.state.lock().planner.withdraw(&flavour),
            Err(e) => cannot(options, e),
        }
    }
    for options in after.iter().filter(|options| !before.contains(options)) {
        declare(daemon, options).map_or_else(|e| cannot(options, e), drop);
    }
}

fn declare(daemon: &Daemon, options: &FlavourOptions) -> Result<Flavour, GuestError> {
    let flavour = flavour(daemon, options)?;
    let now = daemon.shells.now();
    daemon.shells.state.lock().planner.declare(now, flavour.clone(), options.marks());
    Ok(flavour)
}

fn flavour(daemon: &Daemon, options: &FlavourOptions) -> Result<Flavour, GuestError> {
    let creator = daemon.lifecycle.creator();
    let images = creator.inspect(&options.guest).map_err(LifecycleError::from)?;
    if images.control == ControlMode::XenStore {
        return Err(unsupported(
            "the kernel's back ends know a guest by name from its first entry \
                                on: there are no shells with control = \"xenstore\"",
        ));
    }
    let flavour = facts(creator, &options.guest, &images).and_then(|facts| options.flavour(&facts));
    flavour.ok_or_else(|| unsupported("no shell can be built to such a guest"))
}

fn unsupported(why: &str) -> GuestError {
    GuestError::Unsupported(why.to_owned())
}

/// Writes down that a flavour is kept as `options` say, or no longer.
fn remember(daemon: &Daemon, of: &Flavour, options: Option<&FlavourOptions>) -> io::Result<()> {
    let path = daemon.records.flavours();
    let others = |known: &FlavourOptions| flavour(daemon, known).ok().as_ref() != Some(of);
    let mut added: Vec<_> = read(&path)?.into_iter().filter(others).collect();
    added.extend(options.cloned());
    let fresh = path.with_extension("new");
    fs::write(&fresh, serde_json::to_vec(&added)?)?;
    fs::rename(&fresh, &path)
}

fn read(path: &Path) -> io::Result<Vec<FlavourOptions>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}
