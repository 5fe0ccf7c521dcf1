//! The library's example of a scheduler: a full host, a daemon that is killed, Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::harness::{Chaosd, build_folder, eventually, image, run};
use crate::leaks::Host;

/// A scheduler at work.
struct Scheduler {
    process: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

impl Scheduler {
    fn start(chaosd: &Chaosd, args: &[&str]) -> Scheduler {
        let mut command = Command::new(build_folder().join("examples/scheduler"));
        command.arg(image("noop")).arg("--socket").arg(chaosd.path("socket")).args(args);
        let mut process =
            command.args(["--cmdline", "idle"]).stdout(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        Scheduler { process, output, said: String::new() }
    }

    /// Waits until it has said `text`.
    fn wait_for(&mut self, text: &str) {
        let from = self.said.len();
        while !self.said[from..].contains(text) {
            let more = self.output.read_line(&mut self.said).expect("what it says");
            assert!(more > 0, "it did not say {text:?} but {}", self.said);
        }
    }

    /// What it said until its end.
    fn end(mut self) -> (ExitStatus, String) {
        while self.output.read_line(&mut self.said).expect("what it says") > 0 {}
        let status = self.process.wait().expect("waited for");
        print!("{}", self.said);
        (status, self.said)
    }
}

fn living(chaosd: &Chaosd) -> usize {
    chaosd.client.guests().expect("a list").len()
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn every_guest_is_placed_once_and_ends_though_the_host_is_full_and_the_daemon_killed() {
    let mut chaosd = Chaosd::start();
    let before = Host::of(&chaosd);
    // So much is kept free that some twenty fill the host.
    let available = chaosd.client.host().expect("the host").memory.available >> 20;
    let keep = (available - 130).to_string();
    let args = ["--guests", "60", "--memory", "4,6,8", "--seconds", "1", "--keep-free", &keep];
    let mut scheduler = Scheduler::start(&chaosd, &args);
    // In the middle of a batch.
    eventually("a few guests", || (living(&chaosd) >= 3).then_some(()));
    chaosd.kill_and_restart();
    scheduler.wait_for("full with");
    let (status, said) = scheduler.end();
    assert!(status.success(), "{said}");
    assert!(said.contains("asked 60, placed 60, ended 60"), "{said}");
    assert!(said.contains("failed 0, strays 0, left 0"), "{said}");
    assert!(said.contains("daemon restarted 1 times"), "{said}");

    let args = ["--guests", "30", "--at-once", "6", "--seconds", "600"];
    let mut scheduler = Scheduler::start(&chaosd, &args);
    eventually("six guests", || (living(&chaosd) == 6).then_some(()));
    run(&format!("kill -INT {}", scheduler.process.id()));
    scheduler.wait_for("stopped with 6 guests");
    let (status, said) = scheduler.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("placed 6, ended 6 (reaped 6"), "{said}");
    eventually("the host as it was", || (Host::of(&chaosd) == before).then_some(()));
}
