//! A daemon of a test's own, guests in it, and what the host says about them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use lightvm::api::{
    CreateRequest, GuestInfo, GuestSummary, NetworkInfo, NetworkSpec, Report, Uplink, Wait,
};
use lightvm::client::{Client, ClientError};
use lightvm::config::{Disk, GuestConfig, GuestOverrides, GuestType, MemSize, Nic};
use lightvm::registry::{Registry, Selector};
use lightvm::xen::{DomId, Xen};
use tempfile::TempDir;

/// How long anything may take that should take a moment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `target/debug`, seen from `target/debug/deps/on_xen-…`.
pub(crate) fn build_folder() -> PathBuf {
    let program = env::current_exe().expect("the path of this program");
    program.ancestors().nth(2).expect("the build folder").to_owned()
}

/// An image of `scripts/build-guests`, or under `debian/` one that `scripts/xenbox` fetched.
pub(crate) fn image(name: &str) -> PathBuf {
    let beside = || build_folder().parent().expect("the target folder").join("guests");
    let path = env::var_os("LIGHTVM_GUESTS").map_or_else(beside, PathBuf::from).join(name);
    assert!(path.exists(), "{} is missing; scripts/test makes it", path.display());
    path
}

/// Waits until `ready` gives something.
pub(crate) fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not come within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a command of dom0 prints; it must succeed.
pub(crate) fn run(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().expect("sh");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A daemon with folders of its own. When it is dropped, it ends its guests and itself.
pub(crate) struct Chaosd {
    folder: TempDir,
    process: Child,
    pub(crate) client: Client,
}

impl Chaosd {
    /// Starts a daemon in fresh folders.
    pub(crate) fn start() -> Chaosd {
        Chaosd::start_with("")
    }

    /// As [`Chaosd::start`], with more lines of its configuration. Without a part about the pool
    /// there is none: domains are counted.
    pub(crate) fn start_with(lines: &str) -> Chaosd {
        Chaosd::start_in(lines, &[])
    }

    /// As [`Chaosd::start_with`], with variables in its environment.
    pub(crate) fn start_in(lines: &str, variables: &[(&str, &str)]) -> Chaosd {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let text = format!(
            "socket = {:?}\nstate = {:?}\nlogs = {:?}\nnetworks = {:?}\n{lines}\n{}",
            path("socket"),
            path("state"),
            path("logs"),
            path("networks"),
            if lines.contains("[pool]") { "" } else { "[pool]\nenabled = false\n" }
        );
        fs::write(path("chaosd.toml"), text).expect("written");
        let process =
            program(folder.path()).envs(variables.iter().copied()).spawn().expect("chaosd starts");
        let client = connect(&path("socket"));
        Chaosd { folder, process, client }
    }

    /// A path in the test's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Kills the daemon as nothing can prepare for, and starts another on the same folders.
    pub(crate) fn kill_and_restart(&mut self) {
        self.restart_after(|| ());
    }

    /// As [`Chaosd::kill_and_restart`], with something done while there is no daemon.
    pub(crate) fn restart_after(&mut self, meanwhile: impl FnOnce()) {
        self.kill_and_start(meanwhile);
        self.client = connect(&self.path("socket"));
    }

    /// As [`Chaosd::restart_after`], without waiting until the next daemon answers.
    pub(crate) fn kill_and_start(&mut self, meanwhile: impl FnOnce()) {
        self.process.kill().expect("killed");
        self.process.wait().expect("waited for");
        meanwhile();
        self.process = spawn(self.folder.path());
    }

    /// As [`Chaosd::kill_and_restart`], with a SIGTERM that it can prepare for.
    pub(crate) fn terminate_and_restart(&mut self) {
        run(&format!("kill {}", self.pid()));
        let status = self.process.wait().expect("waited for");
        assert!(status.success(), "{status}");
        self.process = spawn(self.folder.path());
        self.client = connect(&self.path("socket"));
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// A network of the host's, with the host in it.
    pub(crate) fn network(&self, name: &str, subnet: &str) -> NetworkInfo {
        let spec = NetworkSpec {
            name: name.into(),
            uplink: Uplink::Routed { nat: false },
            subnet4: Some(subnet.parse().expect("a subnet")),
            subnet6: None,
            dhcp: false,
            mtu: None,
        };
        self.client.create_network(&spec).expect("a network")
    }

    /// What `lvm` prints, which must succeed with this daemon.
    pub(crate) fn lvm(&self, args: &[&str]) -> String {
        let output = self.try_lvm(args);
        assert!(output.status.success(), "lvm {args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `lvm` with this daemon.
    pub(crate) fn try_lvm(&self, args: &[&str]) -> Output {
        Command::new(build_folder().join("lvm"))
            .env("LIGHTVM_SOCKET", self.path("socket"))
            .env("LIGHTVM_RUN_DIR", self.path("state"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("lvm starts")
    }

    /// Makes a guest, or is refused.
    pub(crate) fn try_create(
        &self,
        overrides: GuestOverrides,
    ) -> Result<GuestSummary, ClientError> {
        let config = GuestConfig::from_overrides(overrides).expect("a configuration").config;
        let request = CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false };
        self.client.create(&request).map(|answer| answer.guest)
    }

    /// Destroys a stopped domain that was kept under the name `kept`.
    pub(crate) fn destroy_domain(&self, domid: u16, kept: &str) {
        let xen = Xen::open().expect("a Xen dom0");
        let registry = Registry::open(self.path("state")).expect("the registry");
        let entry = registry.find(&xen, &Selector::from(kept)).expect("it was kept");
        assert_eq!(entry.info.domid, DomId(domid));
        xen.destroy_domain(DomId(domid)).expect("destroyed");
        registry.remove(&entry.record.expect("it is written down"));
    }

    /// Makes a guest and waits as it is told to.
    pub(crate) fn create(&self, overrides: GuestOverrides, wait: Wait) -> GuestSummary {
        let config = GuestConfig::from_overrides(overrides).expect("a configuration").config;
        let timeout_ms = Some(PATIENCE.as_millis().try_into().expect("a minute"));
        let request = CreateRequest { config, wait, timeout_ms, paused: false };
        self.client.create(&request).expect("a guest").guest
    }

    /// Everything about a guest; `None` when it is gone.
    pub(crate) fn info(&self, name: &str) -> Option<GuestInfo> {
        self.client.guest(name).ok()
    }

    /// What a guest has printed.
    pub(crate) fn output(&self, name: &str) -> String {
        match self.client.log(name) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Waits until a guest has printed `text`; all it has printed.
    pub(crate) fn wait_for_output(&self, name: &str, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.output(name);
            if output.contains(text) {
                return output;
            }
            assert!(Instant::now() < end, "{name} did not print {text:?} but {output:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a guest has ended and is gone.
    pub(crate) fn wait_until_gone(&self, name: &str) {
        eventually("the guest's end", || self.info(name).is_none().then_some(()));
    }
}

impl Drop for Chaosd {
    fn drop(&mut self) {
        if !self.is_alive() {
            return;
        }
        for guest in self.client.guests().unwrap_or_default() {
            let _ = self.client.destroy_and_wait(guest.name.as_str());
        }
        for network in self.client.networks().unwrap_or_default() {
            let _ = self.client.delete_network(&network.spec.name);
        }
        // Asked to end it takes its shells along.
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let end = Instant::now() + Duration::from_secs(20);
        while self.is_alive() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &Path) -> Child {
    program(folder).spawn().expect("chaosd starts")
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(build_folder().join("chaosd"));
    command
        .arg("--config")
        .arg(folder.join("chaosd.toml"))
        .env("CHAOSD_LOG", env::var("CHAOSD_LOG").unwrap_or_else(|_| "warn".into()))
        .stdin(Stdio::null());
    command
}

pub(crate) fn connect(socket: &Path) -> Client {
    eventually("the daemon", || {
        let client = Client::connect(socket).ok()?;
        client.host().ok()?;
        Some(client)
    })
}

/// A guest of ours with `words` as its command line.
pub(crate) fn native(
    image_name: &str,
    guest_type: GuestType,
    name: &str,
    words: &str,
) -> GuestOverrides {
    GuestOverrides {
        name: Some(name.parse().expect("a name")),
        kernel: Some(image(image_name)),
        guest_type: Some(guest_type),
        memory: Some(MemSize::from_kib(4 << 10).expect("a size")),
        cmdline: Some(words.into()),
        ..Default::default()
    }
}

/// An interface in a network.
pub(crate) fn nic(network: &str) -> Vec<Nic> {
    vec![Nic { network: Some(network.into()), ..Nic::default() }]
}

/// A disk of `bytes` of zeros at `path`.
pub(crate) fn disk(path: &Path, bytes: u64) -> io::Result<Vec<Disk>> {
    fs::File::create(path)?.set_len(bytes)?;
    Ok(vec![Disk::new(path)])
}

/// The IPv4 address of a guest.
pub(crate) fn address(guest: &GuestSummary) -> String {
    let address = guest.addresses.iter().find(|address| address.is_ipv4());
    address.expect("an address").to_string()
}

/// Fails unless the guest says that it serves.
pub(crate) fn assert_ready(guest: &GuestSummary) {
    assert_eq!(guest.report, Report::Ready, "{guest:?}");
}
