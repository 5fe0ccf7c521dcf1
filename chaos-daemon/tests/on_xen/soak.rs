//! Guests that come and go while guests, clients and the daemon are killed: the books are exact.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use std::{env, fs, thread};

use lightvm::api::{CreateRequest, Wait};
use lightvm::config::{GuestConfig, GuestOverrides, GuestType};
use lightvm::xen::{DomId, Xen};

use crate::harness::{Chaosd, eventually, native, nic};

/// Guests asked for, unless `LIGHTVM_SOAK_GUESTS` says otherwise.
const GUESTS: u64 = 120;
/// Guests that live at once at most.
const LIVING: usize = 16;
/// KiB of the host that may be missing in the end: Xen's heap keeps some for itself.
const SLACK_KIB: u64 = 1024;

/// Numbers that look random: `splitmix64`, as in the pool's back-off.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// What is known of guests, by name.
#[derive(Debug, Default)]
struct Books {
    created: u64,
    destroyed: u64,
    living: BTreeSet<String>,
    /// Asked for, and nobody heard the answer.
    unheard: BTreeSet<String>,
    killed_guests: u64,
    killed_clients: u64,
    killed_daemons: u64,
}

impl Books {
    fn lives(&mut self, name: &str) {
        self.created += 1;
        self.living.insert(name.to_owned());
    }

    fn is_gone(&mut self, name: &str) {
        assert!(self.living.remove(name), "{name} was not there");
        self.destroyed += 1;
    }

    /// Compares with what the daemon says, and hears of those nobody heard of.
    fn compare(&mut self, chaosd: &Chaosd) {
        let listed = || -> BTreeSet<String> {
            let guests = chaosd.client.guests().expect("a list");
            guests.iter().map(|guest| guest.name.to_string()).collect()
        };
        // Ends of guests that were killed are heard of a moment later.
        eventually("no guest that is gone", || {
            let known: BTreeSet<_> = self.living.union(&self.unheard).cloned().collect();
            listed().is_subset(&known).then_some(())
        });
        let listed = listed();
        let lost: Vec<_> = self.living.difference(&listed).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        for name in std::mem::take(&mut self.unheard) {
            if listed.contains(&name) {
                self.lives(&name);
            }
        }
        let living = u64::try_from(self.living.len()).expect("a few");
        assert_eq!(self.created, self.destroyed + living);
    }
}

/// What the host has.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    domains: Vec<DomId>,
    event_channels: usize,
}

impl Host {
    fn now() -> Host {
        let domains = Xen::open().expect("a Xen dom0").domains().expect("its domains");
        let interrupts = fs::read_to_string("/proc/interrupts").expect("/proc/interrupts");
        Host {
            domains: domains.iter().map(|domain| domain.domid).collect(),
            event_channels: interrupts.lines().filter(|line| line.contains(" evtchn:")).count(),
        }
    }
}

fn files(chaosd: &Chaosd, folder: &str) -> usize {
    fs::read_dir(chaosd.path("state").join(folder)).expect("a folder").count()
}

fn free_kib() -> u64 {
    Xen::open().expect("a Xen dom0").host().expect("the host").free_memory >> 10
}

fn config(name: &str) -> GuestOverrides {
    GuestOverrides { nic: Some(nic("soak")), ..native("echo", GuestType::Pvh, name, "") }
}

fn request(name: &str) -> CreateRequest {
    let config = GuestConfig::from_overrides(config(name)).expect("a configuration").config;
    CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false }
}

/// Asks for a guest and goes away.
fn ask_and_die(chaosd: &Chaosd, name: &str) {
    let body = serde_json::to_vec(&request(name)).expect("JSON");
    let mut stream = UnixStream::connect(chaosd.path("socket")).expect("a daemon");
    let head = format!(
        "POST /v1/guests HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("sent");
}

/// Kills the daemon while it makes a guest.
fn kill_meanwhile(chaosd: &mut Chaosd, books: &mut Books, name: &str, after: Duration) {
    let pid = chaosd.pid().to_string();
    let killer = thread::spawn(move || {
        thread::sleep(after);
        let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
    });
    match chaosd.client.create(&request(name)) {
        Ok(_) => books.lives(name),
        Err(_) => {
            books.unheard.insert(name.to_owned());
        }
    }
    killer.join().expect("no panic");
    chaosd.kill_and_restart();
    books.killed_daemons += 1;
}

fn some(dice: &mut Dice, of: &BTreeSet<String>) -> Option<String> {
    let count = u64::try_from(of.len()).expect("a few");
    let at = (count > 0).then(|| dice.below(count))?;
    of.iter().nth(usize::try_from(at).expect("a few")).cloned()
}

/// One guest, and what happens to others meanwhile.
fn round(chaosd: &mut Chaosd, books: &mut Books, dice: &mut Dice, number: u64) {
    let name = format!("soak-{number}");
    match dice.below(1000) {
        0..8 => {
            let after = Duration::from_micros(dice.below(20_000));
            kill_meanwhile(chaosd, books, &name, after);
            books.compare(chaosd);
        }
        8..40 => {
            ask_and_die(chaosd, &name);
            books.unheard.insert(name);
            books.killed_clients += 1;
        }
        _ => match chaosd.client.create(&request(&name)) {
            Ok(_) => books.lives(&name),
            Err(e) => panic!("{name}: {e}"),
        },
    }
    if dice.below(1000) < 30
        && let Some(victim) = some(dice, &books.living)
        && let Some(info) = chaosd.info(&victim)
    {
        let xen = Xen::open().expect("a Xen dom0");
        xen.destroy_domain(DomId(info.summary.domid)).expect("destroyed");
        books.is_gone(&victim);
        books.killed_guests += 1;
    }
    while books.living.len() > LIVING {
        let victim = some(dice, &books.living).expect("there are some");
        chaosd.client.destroy(&victim).expect("destroyed");
        books.is_gone(&victim);
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn created_is_destroyed_and_living_through_every_death() {
    let said = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (guests, seed) = (said("LIGHTVM_SOAK_GUESTS").unwrap_or(GUESTS), said("LIGHTVM_SEED"));
    let mut dice = Dice(seed.unwrap_or(1));
    let (before, free) = (Host::now(), free_kib());
    let mut chaosd = Chaosd::start_with("[pool]\nlearn = { after = 1 }");
    chaosd.network("soak", "10.93.0.1/16");
    let mut books = Books::default();
    for number in 0..guests {
        round(&mut chaosd, &mut books, &mut dice, number);
        if number % 500 == 499 {
            books.compare(&chaosd);
            println!("soak | {books:?}");
        }
    }
    // Requests whose clients went have their guests by then, or never.
    thread::sleep(Duration::from_secs(1));
    books.compare(&chaosd);
    for name in books.living.clone() {
        chaosd.client.destroy_and_wait(&name).expect("destroyed");
        books.is_gone(&name);
    }
    books.compare(&chaosd);
    assert_eq!(books.created, books.destroyed);
    // A shell that waits has its guest's record made ready.
    eventually("no record but those of shells", || {
        let pool = chaosd.client.pool().expect("the pool");
        let shells =
            pool.flavours.iter().map(|flavour| flavour.ready + flavour.building).sum::<u32>();
        let records = |folder| u32::try_from(files(&chaosd, folder)).expect("a few");
        (records("guests") <= shells && records("names") == 0).then_some(())
    });
    drop(chaosd);
    eventually("the host as it was", || (Host::now() == before).then_some(()));
    eventually("the memory back", || (free_kib() + SLACK_KIB >= free).then_some(()));
    println!("soak | {guests} asked for, {books:?}; {} KiB of {free} KiB free", free_kib());
}
