//! The host as a test finds it and has to leave it.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lightvm::config::GuestConfig;
use lightvm::create::Creator;
use lightvm::domain::Running;
use lightvm::xen::{DomId, Xen};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use uuid::Uuid;

use crate::guests;

/// How long what Xen does behind a call's back may take, such as freeing the last page
/// of a destroyed domain.
const SETTLING: Duration = Duration::from_secs(20);

/// How long nothing may change for the host to be at rest. Xen frees a domain's last
/// pages a while after the call that destroyed it has returned.
const REST: Duration = Duration::from_secs(3);

/// What every test uses in its turn.
static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// One handle on Xen for all, so that each image is read once.
struct Shared {
    creator: Arc<Creator>,
    /// The host as the first test found it; every test must leave it like that.
    found: Option<HostState>,
}

/// The host, for one test alone. Dropping it fails the test when the host is not as
/// it was found.
pub(crate) struct OnXen {
    pub(crate) xen: Arc<Xen>,
    pub(crate) creator: Arc<Creator>,
    turn: MappedMutexGuard<'static, Shared>,
}

impl OnXen {
    pub(crate) fn new() -> OnXen {
        let mut turn = MutexGuard::map(SHARED.lock(), |shared| {
            shared.get_or_insert_with(|| {
                let xen = Xen::open().expect("these tests need a Xen dom0");
                Shared { creator: Arc::new(Creator::new(&xen)), found: None }
            })
        });
        let creator = Arc::clone(&turn.creator);
        let xen = Arc::clone(creator.xen());
        if turn.found.is_none() {
            warm_up(&creator);
            turn.found = Some(settled(&xen));
        }
        OnXen { xen, creator, turn }
    }

    /// Starts a guest.
    pub(crate) fn start(&self, config: &GuestConfig) -> Running {
        self.creator.create(config).expect("created").start().expect("started").0
    }

    /// The state to come back to, for tests that hold something of their own.
    pub(crate) fn reference(&self) -> HostState {
        let free_memory = self.found().free_memory;
        HostState { free_memory, ..settled(&self.xen) }
    }

    /// Fails when the host is not as in `before`; waits for what takes a moment.
    pub(crate) fn assert_as(&self, before: &HostState, after: &str) {
        let deadline = Instant::now() + SETTLING;
        while !HostState::of(&self.xen).is_as(before) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let now = HostState::of(&self.xen);
        assert!(now.is_as(before), "after {after} the host has {now:?}, before {before:?}");
    }

    /// Fails when anything but memory is not as in `before`, which is the case at once.
    pub(crate) fn assert_holds_as(&self, before: &HostState, after: &str) {
        let now = HostState { free_memory: before.free_memory, ..HostState::of(&self.xen) };
        assert_eq!(now, *before, "the host has changed after {after}");
    }

    fn found(&self) -> &HostState {
        self.turn.found.as_ref().expect("set when made")
    }

    /// Fails when the host is not as it was found.
    pub(crate) fn assert_unchanged(&self, after: &str) {
        self.assert_as(self.found(), after);
    }
}

impl Drop for OnXen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What this test left must not fail the next one.
            self.turn.found = None;
        } else {
            self.assert_unchanged("the test");
        }
    }
}

/// What Xen and dom0 allocate once, for the first guests, is not a guest's.
fn warm_up(creator: &Creator) {
    const GUESTS: usize = 3;
    for guest_type in guests::BOTH {
        let noop = guests::config(guests::placed(guest_type));
        let start = |_| creator.create(&noop).expect("created").start().expect("started").0;
        for guest in (0..GUESTS).map(start).collect::<Vec<_>>() {
            guest.console().expect("a console");
            guest.wait(Some(Duration::from_secs(60))).expect("waiting").expect("its end");
            guest.destroy().expect("destroyed");
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

/// Bytes by which Xen's own heap may grow while a test program runs. All its tests
/// together must not need more, so a page lost per guest does not hide in it: they make tens
/// of thousands. 260 KiB were seen on Xen 4.17.
const HEAP: u64 = 384 << 10;

impl HostState {
    fn is_as(&self, before: &HostState) -> bool {
        let HostState { free_memory: now, .. } = *self;
        let memory = now <= before.free_memory && before.free_memory - now <= HEAP;
        memory
            && (&self.domains, &self.open_files) == (&before.domains, &before.open_files)
            && self.event_channels == before.event_channels
    }

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

/// The state once it has not changed for a while.
fn settled(xen: &Xen) -> HostState {
    let deadline = Instant::now() + SETTLING;
    let (mut state, mut since) = (HostState::of(xen), Instant::now());
    while since.elapsed() < REST {
        std::thread::sleep(Duration::from_millis(20));
        let later = HostState::of(xen);
        if later != state {
            assert!(Instant::now() < deadline, "the host does not rest: {state:?}, {later:?}");
            (state, since) = (later, Instant::now());
        }
    }
    state
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
