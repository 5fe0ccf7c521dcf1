//! A daemon that dies at any moment, and the next one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lightvm::api::Wait;
use lightvm::config::{Action, GuestOverrides, GuestType};

use crate::harness::{Chaosd, address, disk, eventually, native, nic};
use crate::leaks::Host;

/// Daemons killed.
const KILLS: u64 = 100;
/// The longest a daemon serves before it is killed.
const LIFE: Duration = Duration::from_millis(150);
/// The longest a daemon lives that is not waited for: it dies taking the guests up.
const START: Duration = Duration::from_millis(600);
/// Records the disk has room for; the guest writes for ever, round and round.
const RECORDS: u64 = 4096;
const RECORD: usize = 4096;

/// Numbers that look random and are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn sleep(&mut self, longest: Duration) {
        let longest = u64::try_from(longest.as_micros()).expect("a short time");
        thread::sleep(Duration::from_micros(self.next() % longest));
    }
}

/// A TCP connection to the echo guest that carries numbers there and back until told
/// to stop; answers how many came back, in order.
pub(crate) struct Talk {
    stop: Arc<AtomicBool>,
    echoed: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Talk {
    pub(crate) fn start(address: &str) -> Talk {
        // While no daemon lives the host's packets are lost. A sender that waits twice as long
        // each time would find only every few daemons alive.
        let linear = "/proc/sys/net/ipv4/tcp_thin_linear_timeouts";
        std::fs::write(linear, "1").expect("the host's TCP can be set");
        let mut stream = TcpStream::connect((address, 7)).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(240))).expect("a limit");
        stream.set_nodelay(true).expect("no delay");
        let (stop, echoed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, count) = (Arc::clone(&stop), Arc::clone(&echoed));
        let thread = thread::spawn(move || {
            for number in 0_u64.. {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                stream.write_all(&number.to_le_bytes()).expect("the connection lives");
                let mut answer = [0; 8];
                stream.read_exact(&mut answer).expect("the connection lives");
                assert_eq!(u64::from_le_bytes(answer), number);
                count.store(number + 1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        Talk { stop, echoed, thread }
    }

    pub(crate) fn echoed(&self) -> u64 {
        self.echoed.load(Ordering::Relaxed)
    }

    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the connection lived to the end");
    }
}

/// The latest record that the guest says the disk has acknowledged.
fn acknowledged(output: &str) -> u64 {
    let said = output.lines().rev().filter_map(|line| line.strip_prefix("blockio: acknowledged "));
    said.filter_map(|number| number.trim().parse().ok()).next().unwrap_or(0)
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_outlive_a_hundred_daemons_and_lose_nothing() {
    let mut chaosd = Chaosd::start();
    chaosd.network("restarts", "10.93.0.1/24");
    let empty = Host::of(&chaosd);
    let echo =
        GuestOverrides { nic: Some(nic("restarts")), ..native("echo", GuestType::Pvh, "echo", "") };
    let path = chaosd.path("disk");
    let writer = GuestOverrides {
        disk: Some(disk(&path, RECORDS * RECORD as u64).expect("a disk")),
        // It never ends by itself; if it does, its last words say why.
        on_poweroff: Some(Action::Preserve),
        on_crash: Some(Action::Preserve),
        ..native("blockio", GuestType::Pvh, "writer", "records count=4000000000 batch=4 flush")
    };
    let echo = chaosd.create(echo, Wait::Ready);
    let writer = chaosd.create(writer, Wait::Event);
    let talk = Talk::start(&address(&echo));
    eventually("an echo", || (talk.echoed() > 0).then_some(()));
    let full = Host::of(&chaosd);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for kill in 1..=KILLS {
        // Every other daemon dies young, somewhere between its start and its first answer.
        if kill % 2 == 0 {
            chaosd.kill_and_start(|| ());
            random.sleep(START);
            continue;
        }
        random.sleep(LIFE);
        chaosd.kill_and_restart();
        let known = talk.echoed();
        eventually("an echo after a restart", || (talk.echoed() > known).then_some(()));
        for (name, domid) in [("echo", echo.domid), ("writer", writer.domid)] {
            let now = chaosd.info(name).map(|info| info.summary.domid);
            assert_eq!(now, Some(domid), "{name} after kill {kill}: {}", state(&chaosd, name));
        }
    }
    chaosd.kill_and_restart();
    let (echoed, written) = (talk.echoed(), acknowledged(&chaosd.output("writer")));
    eventually("echoes after the last restart", || (talk.echoed() > echoed + 10).then_some(()));
    let end = Instant::now() + Duration::from_secs(60);
    while acknowledged(&chaosd.output("writer")) <= written {
        assert!(Instant::now() < end, "the writer stands still: {}", state(&chaosd, "writer"));
        thread::sleep(Duration::from_millis(20));
    }
    talk.end();
    assert_kept(&chaosd, &path);
    eventually("as many files and channels as before", || {
        (Host::of(&chaosd) == full).then_some(())
    });
    for name in ["echo", "writer"] {
        chaosd.client.destroy(name).expect("destroyed");
    }
    eventually("the host as it was", || (Host::of(&chaosd) == empty).then_some(()));
}

/// All there is to say about a guest that is not as it should be.
fn state(chaosd: &Chaosd, name: &str) -> String {
    let output = chaosd.output(name);
    let last = output.lines().rev().take(4).collect::<Vec<_>>();
    format!(
        "{:?}\n{:?}\nits last lines, backwards: {last:?}",
        chaosd.info(name).map(|info| (info.disks, info.console_fault)),
        chaosd.client.stats(name),
    )
}

/// Every record of which the guest was told that it is on the disk is there, or one that
/// was written over it since.
fn assert_kept(chaosd: &Chaosd, path: &std::path::Path) {
    let last = acknowledged(&chaosd.output("writer"));
    let bytes = std::fs::read(path).expect("the disk's file");
    for number in last.saturating_sub(RECORDS - 1).max(1)..=last {
        let start = usize::try_from(number % RECORDS).expect("a disk in memory") * RECORD;
        let (words, _) = bytes[start..start + RECORD].as_chunks();
        let kept = |word: &[u8; 8]| {
            let found = u64::from_le_bytes(*word);
            found >= number && found % RECORDS == number % RECORDS
        };
        assert!(words.iter().all(kept), "record {number} of {last}");
    }
    assert!(last > KILLS, "the guest was not served: {last} records");
}

/// A daemon that ends in good order leaves its guests running, too.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_outlive_a_daemon_that_is_told_to_end() {
    let mut chaosd = Chaosd::start();
    let config = native("hostile", GuestType::Pvh, "stays", "idle");
    let guest = chaosd.create(config, Wait::None);
    let began = Instant::now();
    chaosd.terminate_and_restart();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(chaosd.info("stays").map(|info| info.summary.domid), Some(guest.domid));
}
