//! Every attack of the guest `hostile`, while a neighbour serves pings: the host stays up, the
//! attacker is limited or disconnected with a reason, the neighbour goes on.

mod table;

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use lightvm::api::{GuestInfo, GuestSummary, Report, Stats, Wait};
use lightvm::config::{Action, ControlMode, GuestOverrides, GuestType};
use lightvm::xen::{DomId, DomainState, ShutdownReason, Xen};

use crate::harness::{Chaosd, PATIENCE, address, assert_ready, disk, native, nic, run};
use table::{Attack, Count, Kind, Outcome, Part};

/// Attackers at a time.
const AT_ONCE: usize = 2;
/// How long the host may take to see the last of an attack.
const GRACE: Duration = Duration::from_secs(15);
/// Between two looks at the attackers.
const LOOK: Duration = Duration::from_millis(100);

/// Pings a neighbour until it is dropped.
struct Pinger {
    process: Child,
}

impl Pinger {
    fn start(address: &str) -> Pinger {
        let process = Command::new("ping")
            .args(["-q", "-i", "0.1", address])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ping");
        Pinger { process }
    }

    /// Percent of answers that did not come.
    fn lost(self) -> f64 {
        run(&format!("kill -INT {}", self.process.id()));
        let output = self.process.wait_with_output().expect("ping ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{}", text.trim());
        let words: Vec<&str> = text.split_whitespace().collect();
        let lost = words.iter().find_map(|word| word.strip_suffix('%')).expect("ping's summary");
        lost.parse().expect("a number")
    }
}

/// A guest at its attack.
struct Attacker {
    attack: &'static Attack,
    number: usize,
    guest: GuestSummary,
    began: Instant,
    /// When it was through with it.
    finished: Option<Instant>,
}

/// What is to be seen of an attacker.
enum Seen {
    Lives(Box<(GuestInfo, Stats)>),
    Ended(Option<ShutdownReason>),
}

impl Attacker {
    fn start(
        chaosd: &Chaosd,
        attack: &'static Attack,
        number: usize,
        control: ControlMode,
    ) -> Self {
        // Those that are expected to power off have nothing else left to do.
        let stay = match attack.outcome {
            Outcome::Ended(Some(ShutdownReason::Poweroff)) => "",
            _ => "idle",
        };
        let words = format!("attack={} {stay}", attack.name);
        let guest_type = [GuestType::Pvh, GuestType::Pv][number % 2];
        let config = GuestOverrides {
            nic: Some(nic("tests")),
            disk: Some(disk(&chaosd.path(&format!("{number}.img")), 1 << 20).expect("a disk")),
            control: Some(control),
            on_poweroff: Some(Action::Preserve),
            on_reboot: Some(Action::Preserve),
            on_crash: Some(Action::Preserve),
            on_watchdog: Some(Action::Preserve),
            ..native("hostile", guest_type, attack.name, &words)
        };
        let guest = chaosd.create(config, Wait::None);
        Attacker { attack, number, guest, began: Instant::now(), finished: None }
    }

    fn look(&mut self, chaosd: &Chaosd, xen: &Xen) -> Seen {
        let domain = xen.domain_info(DomId(self.guest.domid)).ok();
        let domain = domain.filter(|domain| domain.uuid == self.guest.uuid);
        let seen = match domain.map(|domain| domain.state) {
            Some(DomainState::Shutdown(reason)) => Seen::Ended(Some(reason)),
            None | Some(DomainState::Dying) => Seen::Ended(None),
            Some(_) => match chaosd.info(self.attack.name) {
                Some(info) => {
                    let stats = chaosd.client.stats(self.attack.name).unwrap_or_default();
                    Seen::Lives(Box::new((info, stats)))
                }
                None => Seen::Ended(None),
            },
        };
        if self.finished.is_none() && self.is_through(chaosd, &seen) {
            self.finished = Some(Instant::now());
        }
        seen
    }

    fn is_through(&self, chaosd: &Chaosd, seen: &Seen) -> bool {
        match seen {
            Seen::Ended(_) => true,
            Seen::Lives(lives) => {
                lives.0.summary.report == Report::Stopping
                    || chaosd.output(self.attack.name).contains("no attacks left")
            }
        }
    }

    /// What the host made of the attack, once that is what it should or time is over.
    fn verdict(&mut self, chaosd: &Chaosd, xen: &Xen) -> Option<Result<String, String>> {
        let seen = self.look(chaosd, xen);
        let end = self.finished.map_or(self.began + PATIENCE, |finished| finished + GRACE);
        let shown =
            format!("{:24} {:5.1} s  {seen}", self.attack.name, self.began.elapsed().as_secs_f64());
        // What stays as it is has to be looked at a little later, too.
        let settled = self.finished.is_some_and(|finished| finished.elapsed() > LOOK);
        if settled && holds(self.attack.outcome, &seen) {
            return Some(Ok(shown));
        }
        (Instant::now() > end).then(|| Err(format!("{shown}: not {:?}", self.attack.outcome)))
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (info, stats) = match self {
            Seen::Ended(reason) => return write!(f, "ended: {reason:?}"),
            Seen::Lives(lives) => &**lives,
        };
        let counts = [
            ("errors", count(Count::Errors, stats)),
            ("dropped", count(Count::Spoofed, stats)),
            ("held", stats.held),
            ("refused", stats.refused),
            ("log dropped", stats.log_dropped),
            ("printing waited", stats.console_throttled),
        ];
        for (name, count) in counts.into_iter().filter(|&(_, count)| count > 0) {
            write!(f, "{name} {count}  ")?;
        }
        faults(info).iter().try_for_each(|(part, reason)| write!(f, "{part:?}: {reason}  "))
    }
}

/// Reasons for which devices were disconnected.
fn faults(info: &GuestInfo) -> Vec<(Part, &str)> {
    let nics = info.nics.iter().map(|nic| (Part::Nic, &nic.fault));
    let disks = info.disks.iter().map(|disk| (Part::Disk, &disk.fault));
    let lines = [(Part::Console, &info.console_fault), (Part::Store, &info.store_fault)];
    let all = nics.chain(disks).chain(lines);
    all.filter_map(|(part, fault)| Some((part, fault.as_deref()?))).collect()
}

fn count(count: Count, stats: &Stats) -> u64 {
    let devices = || stats.nics.iter().chain(&stats.disks);
    match count {
        Count::Errors => devices().map(|device| device.errors).sum(),
        Count::Spoofed | Count::Broadcasts => devices().map(|device| device.out_dropped).sum(),
        Count::Held => stats.held,
        Count::Refused => stats.refused,
        Count::LogRecords => stats.log_dropped,
        Count::Printed => stats.console_throttled,
    }
}

/// Whether the host did what it should.
fn holds(expected: Outcome, seen: &Seen) -> bool {
    let (info, stats) = match seen {
        Seen::Lives(lives) => &**lives,
        Seen::Ended(reason) => return expected == Outcome::Ended(*reason),
    };
    let faults = faults(info);
    match expected {
        Outcome::Counted(what) | Outcome::Limited(what) => {
            faults.is_empty() && count(what, stats) > 0
        }
        Outcome::Disconnected(part, reason) => {
            faults.iter().any(|(of, fault)| *of == part && fault.contains(reason))
        }
        Outcome::Ended(_) => false,
        Outcome::Harmless => faults.is_empty(),
        Outcome::Either(outcomes) => outcomes.iter().any(|&outcome| holds(outcome, seen)),
    }
}

/// Runs attacks, some at a time; answers what was wrong.
fn attack_all(chaosd: &Chaosd, kinds: &'static [Kind], control: ControlMode) -> Vec<String> {
    let xen = Xen::open().expect("a Xen dom0");
    let only = env::var("HOSTILE").unwrap_or_default();
    let all = kinds.iter().flat_map(|kind| kind.attacks);
    let mut waiting = all.filter(|attack| attack.name.contains(&only)).enumerate();
    let (mut at_work, mut wrong): (Vec<Attacker>, _) = (Vec::new(), Vec::new());
    // An emulated host that stands still at the wrong moment hides what an attack does, or ends
    // the attacker: each gets a second chance, and the first is shown.
    let (mut again, mut tried) = (Vec::new(), HashSet::new());
    loop {
        while at_work.len() < AT_ONCE {
            let Some((number, attack)) = again.pop().or_else(|| waiting.next()) else { break };
            at_work.push(Attacker::start(chaosd, attack, number, control));
        }
        if at_work.is_empty() {
            return wrong;
        }
        at_work.retain_mut(|attacker| {
            let Some(verdict) = attacker.verdict(chaosd, &xen) else { return true };
            match verdict {
                Ok(shown) => println!("{shown}"),
                Err(shown) => {
                    println!("WRONG {shown}\n{}", chaosd.output(attacker.attack.name));
                    match tried.insert(attacker.attack.name) {
                        true => again.push((attacker.number, attacker.attack)),
                        false => wrong.push(shown),
                    }
                }
            }
            // One that was destroyed is gone.
            let _ = chaosd.client.destroy(attacker.attack.name);
            false
        });
        thread::sleep(LOOK);
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_neighbour_outlives_every_attack() {
    let mut chaosd = Chaosd::start();
    chaosd.network("tests", "10.93.0.1/24");
    let config = GuestOverrides {
        nic: Some(nic("tests")),
        ..native("echo", GuestType::Pvh, "neighbour", "")
    };
    let neighbour = chaosd.create(config, Wait::Ready);
    assert_ready(&neighbour);
    let address = address(&neighbour);
    let pinger = Pinger::start(&address);

    let mut wrong = attack_all(&chaosd, table::NATIVE, ControlMode::Noxs);
    wrong.extend(attack_all(&chaosd, table::FACADE, ControlMode::Facade));

    let lost = pinger.lost();
    assert!(chaosd.is_alive(), "the daemon has died");
    run(&format!("ping -c 5 -i 0.1 -w 5 {address}"));
    assert!(lost < 5.0, "{lost} % of the neighbour's answers were lost");
    let guests = chaosd.client.guests().expect("a list");
    assert_eq!(guests.len(), 1, "somebody is left: {guests:?}");
    let domains = Xen::open().expect("a Xen dom0").domains().expect("a list");
    assert_eq!(domains.len(), 2, "a domain is left: {domains:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The document is the table, and the table has every attack of the guest.
#[test]
fn the_document_is_the_table() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
    let path = root.join("docs/hostile.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, table::document()).expect("written");
    }
    let document = fs::read_to_string(path).expect("docs/hostile.md");
    assert!(document == table::document(), "docs/hostile.md is old: see its beginning");
    let source = fs::read_to_string(root.join("guests/hostile/src/attacks.rs")).expect("a file");
    for line in source.lines().filter_map(|line| line.trim().strip_prefix("attack(\"")) {
        let name = line.split('"').next().unwrap_or_default();
        assert!(document.contains(&format!("| `{name}` |")), "{name} is not in the table");
    }
}
