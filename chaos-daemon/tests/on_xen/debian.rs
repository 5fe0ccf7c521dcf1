//! A Debian as it is, on a disk of its own, and what can be done with it from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use lightvm::api::Wait;
use lightvm::client::ConsoleStream;
use lightvm::config::{Disk, GuestOverrides, GuestType, MemSize};

use crate::harness::{Chaosd, image, nic, run};

/// A Debian takes half a minute to boot on an emulated host, its boot loader another,
/// and many times that on a busy one.
const BOOT: Duration = Duration::from_secs(900);
/// What the console asks.
const LOG_IN: &str = "guest login:";
/// Its service that is a shell; port 7 returns what it is sent.
const SHELL: u16 = 8;

/// Waits until something is so.
pub(crate) fn wait(what: &str, patience: Duration, mut ready: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !ready() {
        assert!(Instant::now() < end, "{what} did not come within {patience:?}");
        thread::sleep(Duration::from_millis(250));
    }
}

/// The release of Debian that dom0 is: the boxes have one each.
fn suite() -> String {
    let os = fs::read_to_string("/etc/os-release").expect("a release");
    let code = os.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    code.expect("its name").to_owned()
}

/// The disk that `scripts/test` packs, unpacked once in this host's life. Packed it has no holes:
/// the emulated host's file system would hand them over as zeros. Its reads are as long as may be.
fn disk() -> PathBuf {
    let copy = disk_file("image");
    if !copy.exists() {
        let packed = image(&format!("debian/{}-disk.tar", suite()));
        let folder = env::temp_dir();
        run(&format!("tar -b 1024 -C {} -xf {}", folder.display(), packed.display()));
        fs::rename(folder.join("disk.img"), &copy).expect("renamed");
    }
    copy
}

/// Gives PV GRUB a kernel it can read: that knows gzip, xz and lzo (its grub-core/io), and
/// Debian 13's kernel is compressed with zstd. `scripts/test` has packed that one again.
fn repack_kernel(disk: &Path) {
    const KERNEL: &str = "/boot/vmlinux.gz";
    let disk = disk.display();
    let old = run(&format!("debugfs -R 'cat /boot/grub/grub.cfg' {disk} 2>/dev/null"));
    if suite() == "bookworm" || old.contains(KERNEL) {
        return;
    }
    let kernel = old.split_whitespace().find(|word| word.starts_with("/boot/vmlinuz-"));
    let pv = old.replace(kernel.expect("a kernel"), KERNEL);
    let both = format!("if [ $grub_platform = xen ]; then\n{pv}else\n{old}fi\n");
    let (commands, config) = (disk_file("commands"), disk_file("grub.cfg"));
    fs::write(&config, both).expect("written");
    let packed = image(&format!("debian/{}-disk-vmlinux.gz", suite()));
    let steps = format!(
        "cd /boot\nwrite {} vmlinux.gz\ncd grub\nrm grub.cfg\nwrite {} grub.cfg\n",
        packed.display(),
        config.display()
    );
    fs::write(&commands, steps).expect("written");
    run(&format!("debugfs -w -f {} {disk}", commands.display()));
}

/// A file beside [the disk](disk).
fn disk_file(name: &str) -> PathBuf {
    env::temp_dir().join(format!("debian-disk-{name}"))
}

/// How a Debian is started.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// Its kernel and initramfs, given to the toolstack.
    Kernel(GuestType),
    /// Debian's boot loader, which takes both from the disk.
    Grub(GuestType),
}

impl Start {
    fn config(self, name: &str) -> GuestOverrides {
        let file = |end: &str| Some(image(&format!("debian/{}-{end}", suite())));
        let common = GuestOverrides {
            name: Some(name.parse().expect("a name")),
            memory: Some(MemSize::from_kib(256 << 10).expect("a size")),
            nic: Some(nic("debian")),
            ..GuestOverrides::default()
        };
        match self {
            Start::Kernel(kind) => GuestOverrides {
                kernel: file("disk-vmlinuz"),
                ramdisk: file("disk-initrd"),
                guest_type: Some(kind),
                cmdline: Some(
                    "root=/dev/xvda rw console=hvc0 quiet loglevel=3 net.ifnames=0".into(),
                ),
                ..common
            },
            Start::Grub(kind) => GuestOverrides {
                kernel: file(match kind {
                    GuestType::Pv => "grub-x86_64-xen.bin",
                    GuestType::Pvh => "grub-i386-xen_pvh.bin",
                }),
                guest_type: Some(kind),
                ..common
            },
        }
    }
}

/// A Debian that was started.
pub(crate) struct Debian {
    pub(crate) name: String,
    pub(crate) disk: PathBuf,
    pub(crate) address: String,
}

impl Debian {
    /// Starts one on [the disk](disk) that all of them have, one after the other.
    pub(crate) fn start(chaosd: &Chaosd, name: &str, start: Start) -> Debian {
        let disk = disk();
        if let Start::Grub(GuestType::Pv) = start {
            repack_kernel(&disk);
        }
        let config = GuestOverrides {
            disk: Some(vec![Disk { writable: true, ..Disk::new(&disk) }]),
            ..start.config(name)
        };
        let guest = chaosd.create(config, Wait::None);
        let address = crate::harness::address(&guest);
        Debian { name: name.to_owned(), disk, address }
    }

    /// What it has printed on its console; nothing while nobody answers.
    fn console(&self, chaosd: &Chaosd) -> Vec<u8> {
        chaosd.client.log(&self.name).unwrap_or_default()
    }

    /// How many bytes it has printed.
    pub(crate) fn printed(&self, chaosd: &Chaosd) -> usize {
        self.console(chaosd).len()
    }

    /// Waits until its console asks who is there, answers, and leaves. What it has printed
    /// before byte `from` is not looked at.
    pub(crate) fn log_in(&self, chaosd: &Chaosd, from: usize) {
        let from = self.prints(chaosd, LOG_IN, from, BOOT);
        let from = from.unwrap_or_else(|| self.give_up(chaosd, LOG_IN));
        let mut console = chaosd.client.console(&self.name, true).expect("its console");
        let from = self.answers(chaosd, &mut console, "root", "root@guest:~#", from);
        let from = self.answers(chaosd, &mut console, "echo typed $((6 * 7))", "typed 42", from);
        self.answers(chaosd, &mut console, "exit", LOG_IN, from);
    }

    /// Types a line until `text` comes back, as a message of the kernel may stand in the
    /// midst of it; answers where that ends.
    fn answers(
        &self,
        chaosd: &Chaosd,
        console: &mut ConsoleStream,
        line: &str,
        text: &str,
        from: usize,
    ) -> usize {
        let again = (0..5).find_map(|_| {
            console.write_all(format!("{line}\n").as_bytes()).expect("typed");
            self.prints(chaosd, text, from, Duration::from_secs(120))
        });
        again.unwrap_or_else(|| self.give_up(chaosd, text))
    }

    /// Waits until it has printed `text` behind byte `from`; answers where that ends.
    fn prints(
        &self,
        chaosd: &Chaosd,
        text: &str,
        from: usize,
        patience: Duration,
    ) -> Option<usize> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let output = self.console(chaosd);
            let new = output.get(from..).unwrap_or_default();
            let found = new.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                return Some(from + at + text.len());
            }
            thread::sleep(Duration::from_secs(1));
        }
        None
    }

    fn give_up(&self, chaosd: &Chaosd, text: &str) -> ! {
        let (info, stats) = (chaosd.info(&self.name), chaosd.client.stats(&self.name));
        let output = chaosd.output(&self.name);
        panic!("no {text:?} in {output:?}: {info:?}, {stats:?}");
    }

    /// Waits until so many requests to its disk were answered.
    pub(crate) fn reads(&self, chaosd: &Chaosd, count: u64) {
        wait("reading from its disk", BOOT, || {
            chaosd.client.stats(&self.name).is_ok_and(|stats| stats.disks[0].in_count >= count)
        });
    }

    /// A connection to a shell.
    fn shell(&self) -> TcpStream {
        let address: Ipv4Addr = self.address.parse().expect("an address");
        let stream = TcpStream::connect_timeout(&(address, SHELL).into(), Duration::from_secs(240));
        let stream = stream.unwrap_or_else(|e| panic!("{}: {e}", self.name));
        stream.set_read_timeout(Some(Duration::from_secs(240))).expect("a limit");
        stream
    }

    /// What a command prints, run by a shell in the guest.
    pub(crate) fn run(&self, command: &str) -> String {
        let mut stream = self.shell();
        stream.write_all(format!("{command}\nexit\n").as_bytes()).expect("asked");
        let mut output = String::new();
        stream.read_to_string(&mut output).expect("an answer");
        output.trim().to_owned()
    }

    /// A file on its disk, read by the host: only when it has ended.
    pub(crate) fn file(&self, path: &str) -> String {
        run(&format!("debugfs -R 'cat {path}' {} 2>/dev/null", self.disk.display()))
    }
}

/// A guest's shell that appends numbers to a file, and says each when the disk has it.
pub(crate) struct Writes {
    last: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

/// Where they are.
pub(crate) const NUMBERS: &str = "/root/numbers";

impl Writes {
    pub(crate) fn start(guest: &Debian) -> Writes {
        let mut stream = guest.shell();
        let command = format!(
            "rm -f {NUMBERS}; n=0; while [ ! -e /run/enough ]; do n=$((n + 1)); echo $n >>{NUMBERS}; \
             sync {NUMBERS}; echo $n; done; exit\n"
        );
        stream.write_all(command.as_bytes()).expect("asked");
        let last = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&last);
        let thread = thread::spawn(move || {
            for (line, number) in BufReader::new(stream).lines().zip(1_u64..) {
                assert_eq!(line.expect("the connection lives"), number.to_string());
                told.store(number, Ordering::Relaxed);
            }
        });
        Writes { last, thread }
    }

    /// How many the disk has.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Ends them; answers how many there are.
    pub(crate) fn end(self, guest: &Debian) -> u64 {
        guest.run("touch /run/enough");
        self.thread.join().expect("the connection lived to the end");
        self.last.load(Ordering::Relaxed)
    }
}
