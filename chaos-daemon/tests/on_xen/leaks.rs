//! What a daemon and its guests hold of the host.

use std::fs;

use lightvm::registry::Registry;
use lightvm::xen::Xen;

use crate::harness::Chaosd;

/// Whatever a guest could leave behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    domains: Vec<u16>,
    /// Linux gives each event channel that a program holds an interrupt of its own.
    event_channels: usize,
    open_files: usize,
    records: usize,
}

impl Host {
    pub(crate) fn of(chaosd: &Chaosd) -> Host {
        let xen = Xen::open().expect("a Xen dom0");
        let domains = xen.domains().expect("the list of domains");
        let fds = fs::read_dir(format!("/proc/{}/fd", chaosd.pid())).expect("its files");
        let interrupts = fs::read_to_string("/proc/interrupts").expect("/proc/interrupts");
        // A connection that waits for its next request is none of a guest's, nor is a shard's
        // io_uring, which is made with the first large request and stays.
        let kept = |path: std::path::PathBuf| {
            let path = path.to_string_lossy();
            !path.starts_with("socket:") && path != "anon_inode:[io_uring]"
        };
        let files = fds.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        Host {
            domains: domains.iter().map(|domain| domain.domid.0).collect(),
            event_channels: interrupts.lines().filter(|line| line.contains(" evtchn:")).count(),
            open_files: files.filter(|path| kept(path.clone())).count(),
            records: records(chaosd),
        }
    }
}

/// Files about guests, the daemon's and the registry's.
fn records(chaosd: &Chaosd) -> usize {
    let state = chaosd.path("state");
    Registry::open(&state).expect("the registry");
    let folders = ["guests", "names", "daemon"].map(|folder| fs::read_dir(state.join(folder)));
    folders.into_iter().map(|folder| folder.expect("a folder of the state").count()).sum()
}
