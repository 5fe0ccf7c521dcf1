//! The daemon under a service manager: what it tells, and its configuration read again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::harness::{Chaosd, PATIENCE, eventually, image, run};

/// A service manager's end of `sd_notify(3)`.
struct Manager(UnixDatagram);

impl Manager {
    fn new(path: &Path) -> Manager {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        Manager(socket)
    }

    /// Waits until the daemon says `state`; what it said with it.
    fn wait_for(&self, state: &str) -> String {
        let mut buffer = [0; 1024];
        loop {
            let len = self.0.recv(&mut buffer).unwrap_or_else(|e| panic!("no {state}: {e}"));
            let said = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if said.lines().any(|line| line == state) {
                return said;
            }
        }
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_service_manager_is_told_and_the_configuration_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let notify = folder.path().join("notify");
    let manager = Manager::new(&notify);
    let variables =
        [("NOTIFY_SOCKET", notify.to_str().expect("UTF-8")), ("WATCHDOG_USEC", "400000")];
    let pool = "[pool]\nbudget = '64 MiB'\nlearn.flavours = 0\n";
    let mut daemon = Chaosd::start_in(pool, &variables);
    manager.wait_for("READY=1");
    // Signs of life come again and again.
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");

    let mode = |daemon: &Chaosd| {
        fs::metadata(daemon.path("socket")).expect("a socket").permissions().mode() & 0o777
    };
    assert_eq!(mode(&daemon), 0o600);
    let path = daemon.path("chaosd.toml");
    let first = fs::read_to_string(&path).expect("a configuration");
    fs::write(&path, format!("group = 'adm'\n{first}[log]\njson = true\n")).expect("written");
    hang_up(&daemon, &manager);
    assert_eq!(mode(&daemon), 0o660);

    // Another budget, and shells that there were none of; then those no more.
    let flavours = || daemon.client.pool().expect("the pool").flavours;
    let guest = format!("guest = {{ kernel = {:?}, memory = '4 MiB' }}", image("noop"));
    let more = first.replace("64 MiB", "32 MiB")
        + &format!("[[pool.flavour]]\nlow = 2\nhigh = 2\n{guest}\n");
    assert_eq!(flavours().len(), 0);
    fs::write(&path, format!("group = 'adm'\n{more}")).expect("written");
    hang_up(&daemon, &manager);
    assert_eq!(daemon.client.pool().expect("the pool").budget, 32 << 20);
    eventually("its shells", || flavours().iter().any(|it| it.ready == 2).then_some(()));
    fs::write(&path, format!("group = 'adm'\n{first}")).expect("written");
    hang_up(&daemon, &manager);
    eventually("their end", || flavours().is_empty().then_some(()));

    // A mistake changes nothing and ends nothing.
    fs::write(&path, "grup = 'adm'\n").expect("written");
    hang_up(&daemon, &manager);
    assert_eq!(mode(&daemon), 0o660);
    assert!(daemon.is_alive());
    daemon.client.host().expect("it answers");

    run(&format!("kill {}", daemon.pid()));
    manager.wait_for("STOPPING=1");
    eventually("its end", || (!daemon.is_alive()).then_some(()));
}

fn hang_up(daemon: &Chaosd, manager: &Manager) {
    run(&format!("kill -HUP {}", daemon.pid()));
    let said = manager.wait_for("RELOADING=1");
    assert!(said.contains("MONOTONIC_USEC="), "{said}");
    manager.wait_for("READY=1");
}
