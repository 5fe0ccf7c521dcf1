//! The program, from the command line to the exit code.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use lightvm::config::GuestType;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::guests;
use crate::host::OnXen;
use crate::names::files;
use crate::terminal::PATIENCE;

/// `lvm` with a registry of its own.
struct Lvm {
    host: OnXen,
    dir: TempDir,
}

/// What a command answered.
#[derive(Debug)]
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Answer {
            code: output.status.code().expect("an exit, not a signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// `target/debug/lvm`, seen from `target/debug/deps/on_xen-…`.
fn program() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let lvm = this.ancestors().nth(2).expect("the folder of programs").join("lvm");
    assert!(lvm.exists(), "{} is missing: cargo build", lvm.display());
    lvm
}

impl Lvm {
    fn new() -> Lvm {
        Lvm { host: OnXen::new(), dir: tempfile::tempdir().expect("a folder") }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).env("LIGHTVM_RUN_DIR", self.registry()).stdin(Stdio::null());
        command
    }

    fn registry(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    fn any(&self, args: &[&str]) -> Answer {
        self.command(args).output().expect("lvm starts").into()
    }

    /// Runs a command that must succeed; answers its output.
    fn ok(&self, args: &[&str]) -> String {
        let answer = self.any(args);
        assert_eq!(answer.code, 0, "lvm {args:?}: {}", answer.err);
        answer.out
    }

    fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("lvm {args:?}: {e} in {out}"))
    }

    /// Runs a command that must fail like this, with and without JSON.
    fn fails(&self, code: i32, kind: &str, says: &str, args: &[&str]) {
        let plain = self.any(args);
        assert_eq!(plain.code, code, "lvm {args:?}: {plain:?}");
        assert!(plain.err.contains(says), "lvm {args:?}: {}", plain.err);
        assert!(plain.out.is_empty(), "lvm {args:?}: {}", plain.out);
        let json = self.any(&[args, &["--json"]].concat());
        let report: Value = serde_json::from_str(&json.err)
            .unwrap_or_else(|e| panic!("lvm {args:?}: {e} in {}", json.err));
        assert_eq!((json.code, &report["code"]), (code, &Value::from(code)), "{report}");
        assert_eq!(report["kind"], kind, "{report}");
        assert!(report["error"].as_str().expect("a text").contains(says), "{report}");
    }

    fn noop(&self) -> String {
        guests::image("noop").display().to_string()
    }

    /// Creates a guest that stays.
    fn idle(&self, name: &str) -> Value {
        let noop = self.noop();
        self.json(&["create", "--kernel", &noop, "-m", "4", "--cmdline", "idle", "--name", name])
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    /// The row of `list --json` with this name.
    fn row(&self, name: &str) -> Option<Value> {
        let list = self.json(&["list"]);
        let rows = list.as_array().expect("an array");
        rows.iter().find(|row| row["name"] == name).cloned()
    }

    fn assert_nothing_left(&self) {
        self.host.assert_unchanged("lvm");
        assert_eq!(files(&self.registry()), Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_from_create_to_destroy() {
    let lvm = Lvm::new();
    let made = lvm.idle("web");
    assert_eq!((&made["name"], &made["type"]), (&"web".into(), &"pvh".into()), "{made}");
    assert!(made["timings"]["total"].as_f64().expect("a time") > 0.0, "{made}");
    let row = lvm.row("web").expect("listed");
    for key in ["name", "uuid", "domid", "type", "memory"] {
        assert_eq!(row[key], made[key], "{key}");
    }
    assert_eq!(row["memory"], 4 << 20);
    let (uuid, domid) = (made["uuid"].as_str().expect("a UUID"), made["domid"].to_string());
    for guest in ["web", uuid, domid.as_str()] {
        assert!(lvm.ok(&["info", guest]).contains(uuid), "by {guest}");
    }
    assert_eq!(lvm.ok(&["list", "-q"]), "web\n");
    let table = lvm.ok(&["list"]);
    assert!(table.starts_with("NAME") && table.contains("web"), "{table}");
    lvm.ok(&["destroy", "web"]);
    assert_eq!(lvm.row("web"), None);
    lvm.assert_nothing_left();
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn many_at_once() {
    let lvm = Lvm::new();
    let noop = lvm.noop();
    let create = ["create", "--kernel", &noop, "-m", "1", "--cmdline", "idle", "--name", "n"];
    let timed = lvm.ok(&[&create[..], &["-n", "20", "--timings"]].concat());
    assert!(timed.contains("20 guests (n-1 to n-20"), "{timed}");
    assert!(timed.contains("STAGE") && timed.contains("memory"), "{timed}");
    assert_eq!(lvm.ok(&["list", "-q"]).lines().count(), 20);
    lvm.ok(&["destroy", "n-3", "n-4"]);
    assert_eq!(lvm.ok(&["list", "-q"]).lines().count(), 18);
    lvm.ok(&["destroy", "--all"]);
    lvm.assert_nothing_left();
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_first_sign_of_life_is_waited_for() {
    let lvm = Lvm::new();
    let noop = lvm.noop();
    for mode in ["pvh", "pv"] {
        let made = lvm.json(&["create", "--kernel", &noop, "-m", "4", "--type", mode, "--wait"]);
        assert_eq!((&made["type"], &made["sign"]), (&mode.into(), &"event".into()), "{made}");
        assert!(made["wait_ms"].as_f64().expect("a time") > 0.0, "{made}");
        lvm.ok(&["destroy", made["name"].as_str().expect("a name")]);
    }
    let panicky = guests::image("panicky").display().to_string();
    let spin = ["--cmdline", "spin", "--wait", "--timeout", "0.5", "--name", "spinner"];
    let late = lvm.any(&[&["create", "--kernel", panicky.as_str(), "-m", "4"], &spin[..]].concat());
    assert_eq!(late.code, 7, "{late:?}");
    lvm.any(&["destroy", "--all"]);
    lvm.assert_nothing_left();
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn holds_names_and_shares() {
    let lvm = Lvm::new();
    let noop = lvm.noop();
    lvm.ok(&[
        "create",
        "--kernel",
        &noop,
        "-m",
        "4",
        "--cmdline",
        "idle",
        "--name",
        "a",
        "--paused",
    ]);
    let paused = |name: &str| lvm.row(name).expect("listed")["paused"].clone();
    assert_eq!(paused("a"), true);
    lvm.ok(&["unpause", "a"]);
    assert_eq!(paused("a"), false);
    lvm.ok(&["pause", "a"]);
    assert_eq!(paused("a"), true);
    lvm.ok(&["unpause", "a"]);
    lvm.ok(&["rename", "a", "b"]);
    assert_eq!(lvm.ok(&["list", "-q"]), "b\n");
    lvm.ok(&["vcpu-pin", "b", "all", "0"]);
    lvm.ok(&["sched-credit2", "b", "--weight", "512", "--cap", "40"]);
    let shares = lvm.ok(&["sched-credit2", "b"]);
    assert!(shares.contains("512") && shares.contains("40"), "{shares}");
    let stats = lvm.json(&["stats", "b", "--interval", "0.1"]);
    assert_eq!(stats["domains"][0]["name"], "b", "{stats}");
    lvm.ok(&["shutdown", "b"]);
    lvm.assert_nothing_left();
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn both_kinds_of_configuration_file() {
    let lvm = Lvm::new();
    let hello = guests::image("hello").display().to_string();
    let cfg = format!(
        "# an xl.cfg as it is\nname = 'old'\ntype = \"pv\"\nkernel = \"{hello}\"\nmemory = 8\n\
         extra = \"from xl\"\nvcpus = 1\non_poweroff = 'preserve'\n"
    );
    let toml = format!(
        "name = \"new\"\ntype = \"pvh\"\nkernel = \"{hello}\"\nmemory = \"4MiB\"\n\
         cmdline = \"from toml\"\non_poweroff = \"preserve\"\n"
    );
    for (file, text, name, says) in
        [("old.cfg", cfg, "old", "from xl"), ("new.toml", toml, "new", "from toml")]
    {
        let path = lvm.write(file, &text);
        lvm.ok(&["create", &path, "--wait"]);
        let config = lvm.ok(&["info", name, "--config"]);
        assert!(config.contains(says) && config.contains("preserve"), "{config}");
        let since = Instant::now();
        let mut printed = String::new();
        while !printed.contains("of memory") {
            printed += &lvm.ok(&["console", name, "--dump"]);
            assert!(since.elapsed() < PATIENCE, "{printed}");
        }
        assert!(printed.contains(&format!("command line: {says}")), "{printed}");
        lvm.ok(&["destroy", name]);
    }
    lvm.assert_nothing_left();
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_console_of_a_guest_that_ends() {
    let lvm = Lvm::new();
    let hello = guests::image("hello").display().to_string();
    for mode in ["pvh", "pv"] {
        let words = format!("hello from {mode}");
        let text = lvm.ok(&[
            "create",
            "--kernel",
            &hello,
            "-m",
            "4",
            "--type",
            mode,
            "--cmdline",
            &words,
            "--console",
        ]);
        assert!(text.contains(&format!("command line: {words}")), "{text}");
        assert!(text.contains("4096 KiB of memory") || mode == "pvh", "{text}");
        lvm.assert_nothing_left();
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn every_failure_has_its_code() {
    let lvm = Lvm::new();
    let noop = lvm.noop();
    let made = lvm.idle("taken");
    let create = |kernel: &str, memory: &str, name: &str| -> Vec<String> {
        ["create", "--kernel", kernel, "-m", memory, "--name", name].map(str::to_owned).to_vec()
    };
    let fails = |code, kind, says: &str, args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        lvm.fails(code, kind, says, &args);
    };
    fails(6, "taken", "the name `taken` is taken", create(&noop, "4", "taken"));
    let mut same = create(&noop, "4", "other");
    same.extend(["--uuid".to_owned(), made["uuid"].as_str().expect("a UUID").to_owned()]);
    fails(6, "taken", "is taken by domain", same);
    fails(5, "no-resources", "of memory free", create(&noop, "1048576", "large"));
    fails(8, "bad-input", "too little", create(&noop, "16KiB", "small"));
    let text = lvm.write("text", "this is no kernel\n");
    fails(8, "bad-input", "unknown image format", create(&text, "4", "text"));
    fails(8, "bad-input", "cannot read", create("/no/kernel", "4", "none"));
    let odd = lvm.write("odd.cfg", "name = 'x'\nkernel = ");
    lvm.fails(8, "bad-input", "odd.cfg", &["create", &odd]);
    lvm.fails(3, "not-found", "there is no guest `nobody`", &["destroy", "nobody"]);
    lvm.fails(3, "not-found", "there is no guest `31999`", &["info", "31999"]);
    for args in [&["frobnicate"][..], &["create", "-n", "0"], &["rename", "taken"]] {
        assert_eq!(lvm.any(args).code, 2, "{args:?}");
    }
    assert!(lvm.any(&["destroy", "0"]).code != 0, "dom0 is nobody's to destroy");
    lvm.ok(&["destroy", "taken"]);
    lvm.fails(3, "not-found", "there is no guest `taken`", &["pause", "taken"]);
    lvm.assert_nothing_left();
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn an_ordinary_user_is_told_so() {
    const NOBODY: u32 = 65534;
    let lvm = Lvm::new();
    let answer = lvm.command(&["list"]).uid(NOBODY).gid(NOBODY).output();
    let answer = Answer::from(answer.expect("lvm starts"));
    assert_eq!(answer.code, 4, "{answer:?}");
    assert!(answer.err.contains("no permission") && answer.err.contains("root"), "{answer:?}");
}

/// A guest that another program destroyed is no guest any more, and its name is free.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_destroyed_behind_its_back() {
    let lvm = Lvm::new();
    let made = lvm.idle("ghost");
    let domid = u16::try_from(made["domid"].as_u64().expect("a number")).expect("a domid");
    lvm.host.xen.destroy_domain(lightvm::xen::DomId(domid)).expect("destroyed");
    lvm.fails(3, "not-found", "ghost", &["pause", "ghost"]);
    lvm.idle("ghost");
    lvm.ok(&["destroy", "ghost"]);
    lvm.assert_nothing_left();
}

fn waits_for_domains(lvm: &Lvm, count: usize, since: Instant) {
    while lvm.host.xen.domains().expect("a list").len() <= count {
        assert!(since.elapsed() < PATIENCE, "no {count} guests in time");
    }
}

/// Ctrl-C in the middle of many takes all of them away again.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn an_interrupted_creation_leaves_nothing() {
    let lvm = Lvm::new();
    let noop = lvm.noop();
    for (signal, after) in [(Signal::SIGINT, 1), (Signal::SIGINT, 17), (Signal::SIGTERM, 40)] {
        let args = [
            "create",
            "--kernel",
            &noop,
            "-m",
            "1",
            "--cmdline",
            "idle",
            "--name",
            "n",
            "-n",
            "600",
        ];
        let mut command = lvm.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("lvm starts");
        waits_for_domains(&lvm, after, Instant::now());
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        kill(pid, signal).expect("signalled");
        let answer = Answer::from(child.wait_with_output().expect("its end"));
        assert_eq!(answer.code, 130, "{signal} after {after}: {answer:?}");
        lvm.assert_nothing_left();
    }
}

/// Two programs want one name: one gets it.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn two_programs_and_one_name() {
    const ROUNDS: usize = 10;
    let lvm = Lvm::new();
    let noop = lvm.noop();
    for round in 0..ROUNDS {
        let args = ["create", "--kernel", &noop, "-m", "1", "--cmdline", "idle", "--name", "one"];
        let start = || {
            let mut command = lvm.command(&args);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("lvm starts")
        };
        let both = [start(), start()];
        let mut codes =
            both.map(|child| Answer::from(child.wait_with_output().expect("its end")).code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 6], "round {round}");
        lvm.ok(&["destroy", "one"]);
    }
    lvm.assert_nothing_left();
}

/// Linux, driven through a pipe.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_shell_through_a_pipe() {
    let lvm = Lvm::new();
    let config = guests::config(guests::debian("trixie", GuestType::Pvh, 1));
    let file = lvm.write("debian.toml", &config.to_toml());
    let script = lvm.write("script", "echo $((6 * 7)) is the answer\nexit\n");
    let open = fs::File::open(Path::new(&script)).expect("a script");
    let answer = lvm.command(&["create", &file, "--console"]).stdin(open).output();
    let answer = Answer::from(answer.expect("lvm starts"));
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("42 is the answer"), "{answer:?}");
    lvm.assert_nothing_left();
}
