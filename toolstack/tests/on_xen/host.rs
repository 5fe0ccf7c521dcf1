//! The host as a test finds it and has to leave it.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lightvm::config::GuestConfig;
use lightvm::create::Creator;
use lightvm::domain::Running;
use lightvm::xen::{DomId, Xen};
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::guests;

/// How long what Xen does behind a call's back may take, such as freeing the last page
/// of a destroyed domain.
const SETTLING: Duration = Duration::from_secs(20);

static TURN: Mutex<()> = Mutex::new(());

/// The host, for one test alone. Dropping it fails the test when the host is not as
/// it was found.
pub(crate) struct OnXen {
    pub(crate) xen: Arc<Xen>,
    pub(crate) creator: Creator,
    before: HostState,
    _turn: MutexGuard<'static, ()>,
}

impl OnXen {
    pub(crate) fn new() -> OnXen {
        let turn = TURN.lock();
        let xen = Xen::open().expect("these tests need a Xen dom0");
        let creator = Creator::new(&xen);
        // What Xen and dom0 allocate once, for the first guest, is not a guest's.
        for guest_type in guests::BOTH {
            let noop = guests::config(guests::unikernel("noop", guest_type));
            let (guest, _) =
                creator.create(&noop).expect("a first guest").start().expect("started");
            guest.console().expect("a console");
            guest.wait(Some(Duration::from_secs(60))).expect("waiting").expect("its end");
            guest.destroy().expect("destroyed");
        }
        let before = settled(&xen);
        OnXen { xen, creator, before, _turn: turn }
    }

    /// Starts a guest.
    pub(crate) fn start(&self, config: &GuestConfig) -> Running {
        self.creator.create(config).expect("created").start().expect("started").0
    }

    /// The state to come back to, for tests that hold something of their own.
    pub(crate) fn reference(&self) -> HostState {
        settled(&self.xen)
    }

    /// Fails when the host is not as in `before`; waits for what takes a moment.
    pub(crate) fn assert_as(&self, before: &HostState, after: &str) {
        let deadline = Instant::now() + SETTLING;
        while HostState::of(&self.xen) != *before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(HostState::of(&self.xen), *before, "the host has changed after {after}");
    }

    /// Fails when the host is not as it was found.
    pub(crate) fn assert_unchanged(&self, after: &str) {
        self.assert_as(&self.before, after);
    }
}

impl Drop for OnXen {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_unchanged("the test");
        }
    }
}

/// Whatever a guest could leave behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HostState {
    domains: Vec<(DomId, Uuid)>,
    free_memory: u64,
    open_files: Vec<String>,
    event_channels: usize,
}

impl HostState {
    pub(crate) fn of(xen: &Xen) -> HostState {
        let domains = xen.domains().expect("the list of domains");
        HostState {
            domains: domains.iter().map(|d| (d.domid, d.uuid)).collect(),
            free_memory: xen.host().expect("the host").free_memory,
            open_files: open_files(),
            event_channels: event_channels(),
        }
    }
}

/// The state once it has stopped changing by itself.
fn settled(xen: &Xen) -> HostState {
    let deadline = Instant::now() + SETTLING;
    let mut state = HostState::of(xen);
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let later = HostState::of(xen);
        if later == state {
            return state;
        }
        assert!(Instant::now() < deadline, "the host does not come to rest: {state:?}, {later:?}");
        state = later;
    }
}

fn open_files() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc/self/fd");
    let target = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
    let mut files: Vec<_> = entries
        .filter_map(|entry| target(entry.expect("/proc/self/fd")))
        .map(|path| path.to_string_lossy().into_owned())
        .filter(|path| !path.starts_with("/proc/"))
        .collect();
    files.sort();
    files
}

/// Event channels that dom0's programs hold: Linux gives each an interrupt of its own,
/// named `evtchn:` and the program.
fn event_channels() -> usize {
    let interrupts = fs::read_to_string("/proc/interrupts").expect("/proc/interrupts");
    interrupts.lines().filter(|line| line.contains(" evtchn:")).count()
}

/// Bytes of memory this process has in use.
pub(crate) fn resident_memory() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages = statm.split(' ').nth(1).expect("a second number");
    pages.parse::<u64>().expect("a number") * 4096
}
