//! Every call of a guest's life with the daemon fails once, its shell's and its destruction's among
//! them: the daemon says which, goes on, and has nothing left that it does not know.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fs, thread};

use chaos_daemon::config::DaemonConfig;
use chaos_daemon::daemon;
use lightvm::api::{CreateRequest, PoolInfo, Wait};
use lightvm::client::Client;
use lightvm::config::{GuestConfig, GuestType};
use lightvm::xen::Xen;
use nix::errno::Errno;
use tempfile::TempDir;
use uuid::Uuid;

use crate::fault_plan::FaultPlan;
use crate::harness::{connect, eventually, image, native};

/// Has [`child`] be a daemon, with the configuration in this file.
const CONFIG: &str = "LIGHTVM_TEST_FAULTY_DAEMON";
/// More calls than a life and a shell have.
const MOST_CALLS: usize = 120;
/// Before what the daemon answers on its standard output, among what the test's harness prints.
const ANSWER: &str = "@fault ";

/// A daemon in this program: `child` of another one, which says on its standard input which call is
/// to fail (`N`, or `N clean-up`), and asks by an empty line which one did.
#[test]
#[ignore = "the other test of this file runs it"]
fn child() {
    let Some(path) = env::var_os(CONFIG) else { return };
    let plan = FaultPlan::default();
    let asked = plan.clone();
    thread::spawn(move || obey(&asked));
    let load = move || DaemonConfig::load(Some(Path::new(&path)));
    let config = load().expect("the configuration");
    let open = || Xen::open_monitored(Box::new(plan));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = daemon::run_on(open, config, Box::new(load));
    runtime.expect("a runtime").block_on(run).expect("it serves");
}

fn obey(plan: &FaultPlan) {
    for line in std::io::stdin().lines() {
        let line = line.expect("what is asked");
        let mut words = line.split(' ');
        let answer = match words.next().and_then(|word| word.parse().ok()) {
            Some(n) if words.next().is_some() => {
                plan.fail_nth_and_clean_up(n, Errno::EPERM);
                "-".to_owned()
            }
            Some(n) => {
                plan.fail_nth(n, Errno::EPERM);
                "-".to_owned()
            }
            None => {
                let twice =
                    if plan.clean_up_was_hit() { " and XEN_DOMCTL_destroydomain" } else { "" };
                plan.lift().map_or("-".to_owned(), |call| format!("{}{twice}", call.name()))
            }
        };
        println!("{ANSWER}{answer}");
    }
}

/// A daemon whose calls can be made to fail.
struct Faulty {
    _folder: TempDir,
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    client: Client,
    /// Domains that are not its own.
    others: HashSet<Uuid>,
}

fn domains() -> HashSet<Uuid> {
    let domains = Xen::open().expect("a Xen dom0").domains().expect("its domains");
    domains.into_iter().map(|domain| domain.uuid).collect()
}

impl Faulty {
    fn start(pool: &str) -> Faulty {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let paths =
            ["socket", "state", "logs", "networks"].map(|it| format!("{it} = {:?}\n", path(it)));
        fs::write(path("chaosd.toml"), format!("{}{pool}", paths.concat())).expect("written");
        let others = domains();
        let mut process = Command::new(env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "faults::child", "--nocapture"])
            .env(CONFIG, path("chaosd.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let orders = process.stdin.take().expect("its input");
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        let client = connect(&path("socket"));
        Faulty { _folder: folder, process, orders, answers, client, others }
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").expect("it listens");
        let mut line = String::new();
        loop {
            line.clear();
            let n = self.answers.read_line(&mut line).expect("its answer");
            assert!(n > 0, "the daemon has ended");
            if let Some((_, answer)) = line.split_once(ANSWER) {
                return answer.trim().to_owned();
            }
        }
    }

    /// Waits until all its shells are there and no memory is on its way, and there is no domain but
    /// those it knows.
    fn settle(&self, at: &str) {
        let settled = |pool: &PoolInfo| {
            pool.returning == 0
                && pool.flavours.iter().all(|it| it.ready == it.depth && it.building == 0)
        };
        let pool = eventually(at, || self.client.pool().ok().filter(settled));
        let shells = pool.flavours.iter().map(|it| it.ready as usize).sum::<usize>();
        let left = || domains().difference(&self.others).count();
        eventually(&format!("{at}: {shells} shells and no other domain"), || {
            (left() == shells).then_some(())
        });
        assert_eq!(self.client.guests().expect("a list").len(), 0, "{at}");
    }

    /// A guest from the request to its end; what was said when it could not be made.
    fn live(&self, config: &GuestConfig) -> Result<(), String> {
        let request = CreateRequest {
            config: config.clone(),
            wait: Wait::None,
            timeout_ms: None,
            paused: false,
        };
        let made = self.client.create(&request).map_err(|e| e.to_string())?;
        let name = made.guest.name;
        // One that fails is to be asked for again.
        eventually("its end", || {
            let _ = self.client.destroy_and_wait(name.as_str());
            let guests = self.client.guests().ok()?;
            guests.iter().all(|guest| guest.name != name).then_some(())
        });
        Ok(())
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        // It takes its shells along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Leads a guest's life with one more call let through each time, until none fails any more; answers
/// how often one did.
fn with_every_call_failing(daemon: &mut Faulty, clean_up: &str) -> usize {
    let guest = native("hello-c", GuestType::Pvh, "faulty", "");
    let config = GuestConfig::from_overrides(guest).expect("a configuration").config;
    daemon.settle("before");
    daemon.live(&config).expect("a guest");
    daemon.settle("with nothing failing");
    for n in 1..MOST_CALLS {
        daemon.order(&format!("{n}{clean_up}"));
        let made = daemon.live(&config);
        daemon.settle(&format!("call {n}"));
        let hit = daemon.order("");
        if hit == "-" {
            return n - 1;
        }
        if let Err(said) = made {
            assert!(
                hit.split(' ').any(|call| said.contains(call)),
                "{hit} failed, and it said {said}"
            );
        }
    }
    panic!("the calls do not come to an end");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_daemon_outlives_every_call_that_fails() {
    let kernel = image("hello-c");
    let of_shells = format!(
        r#"
        [pool]
        retry_first_ms = 5
        learn.flavours = 0
        [[pool.flavour]]
        low = 1
        high = 1
        guest = {{ kernel = {kernel:?}, memory = "4 MiB", type = "pvh" }}
        "#
    );
    let direct = "[pool]\nenabled = false\n";
    for (what, pool) in [("of a shell", of_shells.as_str()), ("built directly", direct)] {
        let mut daemon = Faulty::start(pool);
        for clean_up in ["", " clean-up"] {
            let faults = with_every_call_failing(&mut daemon, clean_up);
            println!("faults | a guest {what}{clean_up}: {faults} calls failed, host as before");
        }
    }
}
