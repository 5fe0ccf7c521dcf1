//! The daemon as a whole: started, stopped, one per host.

mod descriptors;
mod reload;
mod supervisor;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use lightvm::api::Happened;
use lightvm::create::Creator;
use lightvm::domain::Watch;
use lightvm::lifecycle::Lifecycle;
use lightvm::registry::{Registry, RegistryError};
use lightvm::xen::{Xen, XenError};
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

pub use reload::Load;

use crate::api;
use crate::background::Background;
use crate::config::DaemonConfig;
use crate::events::Events;
use crate::guests::{self, Disks, Ends, GuestError, Guests, Keys, Reaper, Records};
use crate::metrics::Metrics;
use crate::network::{NetworkError, Networks};
use crate::shard::{Command, Shard, ShardError};
use crate::shells::{self, Shells};
use crate::switch;
use crate::{console, log};
use reload::Reloader;

/// Why the daemon cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Somebody else's work.
    #[error("chaosd needs root: start it with sudo")]
    NotRoot,
    /// No Xen, or not dom0.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// The registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A thread cannot be started.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Networks cannot be taken up.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// There is a daemon already.
    #[error("a chaosd is running already: it holds {0}")]
    Running(PathBuf),
    /// A file cannot be used.
    #[error("cannot {verb} {path}: {source}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The configuration names a group that this host does not have.
    #[error("the configuration gives the socket to the group `{0}`, which this host does not have")]
    NoGroup(String),
    /// An earlier daemon's guests cannot be taken up.
    #[error(transparent)]
    Adopt(#[from] GuestError),
    /// Guests' ends cannot be waited for.
    #[error("cannot wait for guests' ends: {0}")]
    Watch(io::Error),
    /// Guests' log records cannot be taken.
    #[error(transparent)]
    Log(#[from] log::LogError),
    /// What gives way to requests has no thread.
    #[error("cannot start a background thread: {0}")]
    Background(io::Error),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(io::Error),
}

impl StartError {
    /// Makes an I/O error one about a file.
    pub fn file(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| StartError::File { verb, path, source }
    }
}

/// What all parts of the control thread use.
#[derive(Debug)]
pub struct Daemon {
    /// What the administrator said.
    pub config: DaemonConfig,
    /// The hypervisor.
    pub xen: Arc<Xen>,
    /// Builds and ends guests.
    pub lifecycle: Lifecycle,
    /// Threads that serve them.
    pub shards: Arc<[Shard]>,
    /// What their interfaces are attached to.
    pub networks: Networks,
    /// Guests' consoles. After the shards: these hand over what guests print.
    pub consoles: console::Service,
    /// Guests' log records.
    pub logs: log::Service,
    /// The guests.
    pub guests: Guests,
    /// Their disks.
    pub disks: Disks,
    /// What is written down about them, for the next daemon.
    pub records: Records,
    /// Who may ask it.
    pub access: Arc<Mutex<api::Access>>,
    /// What happens.
    pub events: Arc<Events>,
    /// Figures about what it did.
    pub metrics: Metrics,
    /// Creations that were asked for with a key.
    pub keys: Arc<Keys>,
    /// Has ended guests looked for.
    pub ends: Ends,
    /// What may take a while and gives way to requests.
    pub background: Background,
    /// Domains for guests to come.
    pub shells: Shells,
    /// Domains of guests that are no more.
    pub reaper: Reaper,
    // Last: freed when everything else has ended.
    _only: Flock<std::fs::File>,
}

/// Runs until SIGTERM or Ctrl-C. `load` is asked for the configuration again at each SIGHUP.
///
/// # Errors
/// [`StartError`].
pub async fn run(config: DaemonConfig, load: Load) -> Result<(), StartError> {
    run_on(Xen::open, config, load).await
}

/// As [`run`], on what `open` gives: one whose calls are counted, or made to fail.
///
/// # Errors
/// [`StartError`].
pub async fn run_on(
    open: impl FnOnce() -> Result<Arc<Xen>, XenError>,
    config: DaemonConfig,
    load: Load,
) -> Result<(), StartError> {
    let mut reloader = Reloader::new(load, config.clone());
    // Before anything is begun: the signal's own effect would be to end the daemon.
    let mut hangup = signal(SignalKind::hangup()).map_err(StartError::Signals)?;
    let daemon = Arc::new(Daemon::start(open, config).await?);
    // Before guests are taken up: no end must go untold.
    let watch = Watch::new(&daemon.xen)?;
    guests::adopt_all(&daemon).await?;
    let (listener, access) = api::listen(&daemon.config)?;
    *daemon.access.lock() = access;
    let access = Arc::clone(&daemon.access);
    let server = api::Server::new(listener, access, daemon.config.api.clone());
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    daemon.ends.look();
    let (version, pid) = (env!("CARGO_PKG_VERSION").to_owned(), std::process::id());
    daemon.events.tell(Happened::DaemonStarted { version, pid });
    info!(socket = %daemon.config.socket.display(), shards = daemon.shards.len(), "serving");
    supervisor::ready("serving");
    let router = api::router(Arc::clone(&daemon));
    let end = async {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: ending; guests live on"),
            _ = interrupt.recv() => info!("interrupted: ending; guests live on"),
        }
        supervisor::stopping();
        let _ = std::fs::remove_file(&daemon.config.socket);
    };
    let reload = async {
        while hangup.recv().await.is_some() {
            supervisor::reloading();
            reloader.reload(&daemon).await;
            supervisor::ready("serving");
        }
    };
    tokio::select! {
        () = reload => {}
        () = supervisor::keep_alive(&daemon) => {}
        () = server.serve(router, end) => {}
        () = shells::run(Arc::clone(&daemon)) => {}
        () = guests::reap(Arc::clone(&daemon)) => {}
        ended = guests::watch_ends(Arc::clone(&daemon), watch) => {
            ended.map_err(StartError::Watch)?;
        }
    }
    daemon.background.end();
    shells::clear(&daemon);
    guests::reap_all(&daemon);
    Ok(())
}

impl Daemon {
    async fn start(
        open: impl FnOnce() -> Result<Arc<Xen>, XenError>,
        config: DaemonConfig,
    ) -> Result<Daemon, StartError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(StartError::NotRoot);
        }
        if let Err(e) = descriptors::raise() {
            warn!("the limit of open files stays as it is: {e}");
        }
        let xen = open()?;
        let registry = Registry::open(&config.state)?;
        let only = lock(&config)?;
        let folder = config.state.join("daemon");
        let records = Records::open(folder.clone()).map_err(StartError::file("make", &folder))?;
        records.sort_redo().map_err(StartError::file("sort", &folder))?;
        let events =
            Events::open(&records.events()).map_err(StartError::file("use", records.events()))?;
        let keys = Keys::open(&records.keys()).map_err(StartError::file("use", records.keys()))?;
        let shards: Arc<[Shard]> = switch::seeds(config.shard_count())
            .map_err(ShardError::from)?
            .into_iter()
            .enumerate()
            .map(|(number, seed)| Shard::start(number, &xen, seed, records.shard_redo(number)))
            .collect::<Result<_, _>>()?;
        let consoles = console::Service::open(&config.logs, &config.console)
            .map_err(StartError::file("keep consoles' logs in", &config.logs))?;
        let logs = log::Service::open(&config.logs, &config.log)?;
        let told = Arc::clone(&shards);
        let tell = move |shard: usize, update| told[shard].send(Command::Network(update));
        let networks = Networks::open(&config.networks, shards.len(), tell).await?;
        let lifecycle = Lifecycle::new(Creator::new(&xen), registry);
        let background = Background::start(config.pool.settings().builds);
        let background = background.map_err(StartError::Background)?;
        let shells = Shells::new(config.pool.clone());
        let (guests, ends, disks) = (Guests::default(), Ends::default(), Disks::default());
        Ok(Daemon {
            config,
            xen,
            lifecycle,
            shards,
            networks,
            consoles,
            logs,
            guests,
            disks,
            records,
            access: Arc::default(),
            events: Arc::new(events),
            metrics: Metrics::default(),
            keys: Arc::new(keys),
            ends,
            background,
            shells,
            reaper: Reaper::default(),
            _only: only,
        })
    }
}

/// Makes sure that this is the only daemon of the host, as long as the lock lives.
fn lock(config: &DaemonConfig) -> Result<Flock<std::fs::File>, StartError> {
    let path = config.state.join("chaosd.lock");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StartError::file("open", &path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| StartError::Running(path))
}

/// Runs what may take a while on another thread.
///
/// # Errors
/// [`GuestError::Broken`] when it panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, GuestError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| GuestError::Broken)
}
