//! Debian as it is, on a disk: it finds a XenStore, and none runs on the host.
//!
//! Each way of booting is tried once, with all that is to be seen in it. The release is
//! dom0's own: the boxes have one each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use lightvm::api::{GuestInfo, NetworkSpec, StopRequest, Uplink, Wait};
use lightvm::config::{Disk, GuestOverrides, GuestType, MemSize};

use crate::harness::{Chaosd, image, nic, run};

/// A Debian takes about a minute to boot on an emulated host, and longer on a busy one.
const BOOT: Duration = Duration::from_secs(240);
const ECHO: u16 = 7;
const SHELL: u16 = 8;

/// The release of Debian that dom0 is.
fn suite() -> String {
    let os = fs::read_to_string("/etc/os-release").expect("a release");
    let code = os.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    code.expect("its name").to_owned()
}

/// How a Debian is started.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// The kernel and its initramfs, as a PVH guest.
    Pvh,
    /// Debian's PV boot loader, which takes both from the disk.
    Grub,
}

impl Start {
    fn config(self, name: &str, disk: &Path) -> GuestOverrides {
        let file = |end: &str| Some(image(&format!("debian/{}-{end}", suite())));
        let common = GuestOverrides {
            name: Some(name.parse().expect("a name")),
            memory: Some(MemSize::from_kib(256 << 10).expect("a size")),
            nic: Some(nic("debian")),
            disk: Some(vec![Disk { writable: true, ..Disk::new(disk) }]),
            ..GuestOverrides::default()
        };
        let cmdline = "root=/dev/xvda rw console=hvc0 quiet net.ifnames=0 panic=-1";
        match self {
            Start::Pvh => GuestOverrides {
                kernel: file("disk-vmlinuz"),
                ramdisk: file("disk-initrd"),
                guest_type: Some(GuestType::Pvh),
                cmdline: Some(cmdline.into()),
                ..common
            },
            Start::Grub => GuestOverrides {
                kernel: file("grub-x86_64-xen.bin"),
                guest_type: Some(GuestType::Pv),
                ..common
            },
        }
    }
}

/// A Debian that has booted and has its address.
struct Debian<'a> {
    chaosd: &'a mut Chaosd,
    name: String,
    address: String,
}

impl Debian<'_> {
    fn boot(chaosd: &mut Chaosd, start: Start) -> Debian<'_> {
        let name = format!("debian-{start:?}").to_lowercase();
        let disk = chaosd.path(&format!("{name}.img"));
        let original = image(&format!("debian/{}-disk.img", suite()));
        run(&format!("cp --sparse=always {} {}", original.display(), disk.display()));
        chaosd.create(start.config(&name, &disk), Wait::None);
        let guest = chaosd.info(&name).expect("a guest");
        let address = address(&guest);
        let debian = Debian { chaosd, name, address };
        drop(debian.connect(ECHO, BOOT));
        debian
    }

    /// A connection; the guest may still be booting.
    fn connect(&self, port: u16, patience: Duration) -> TcpStream {
        let address: SocketAddr = format!("{}:{port}", self.address).parse().expect("an address");
        let end = Instant::now() + patience;
        loop {
            match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
                    return stream;
                }
                Err(e) if Instant::now() > end => {
                    panic!("{e}; {:?}", self.chaosd.output(&self.name))
                }
                Err(_) => thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// What a command prints, run by a shell in the guest.
    fn run(&self, command: &str) -> String {
        let mut stream = self.connect(SHELL, Duration::from_secs(30));
        stream.write_all(format!("{command}\nexit\n").as_bytes()).expect("asked");
        let mut output = String::new();
        stream.read_to_string(&mut output).expect("an answer");
        output.trim().to_owned()
    }
}

fn address(guest: &GuestInfo) -> String {
    let addresses = guest.nics.iter().flat_map(|nic| &nic.nic.addresses);
    let first = addresses.map(ToString::to_string).find(|text| text.contains('.'));
    let address = first.expect("its network gave it an address");
    address.split('/').next().expect("an address").to_owned()
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian_boots_as_it_is_with_network_and_disk() {
    let mut chaosd = Chaosd::start();
    assert!(!Path::new("/run/xenstored/socket").exists(), "no XenStore runs here");
    let spec = NetworkSpec {
        name: "debian".into(),
        uplink: Uplink::Routed { nat: true },
        subnet4: Some("10.93.0.1/24".parse().expect("a subnet")),
        subnet6: None,
        dhcp: true,
        mtu: None,
    };
    chaosd.client.create_network(&spec).expect("a network");
    for start in [Start::Pvh, Start::Grub] {
        let began = Instant::now();
        let mut debian = Debian::boot(&mut chaosd, start);
        println!("{start:?}: reached over TCP after {:?}", began.elapsed());
        finds_itself(&debian);
        keeps_what_it_writes(&debian);
        outlives_the_daemon(&mut debian);
        ends_when_asked(debian, start);
    }
}

fn finds_itself(debian: &Debian<'_>) {
    let own = debian.run("ip -4 -o addr show dev eth0");
    assert!(own.contains(&debian.address), "{own}");
    let mac = debian.run("cat /sys/class/net/eth0/address");
    let guest = debian.chaosd.info(&debian.name).expect("a guest");
    let given = guest.nics[0].nic.mac.expect("its network gave it an address");
    assert_eq!(mac, given.to_string().to_lowercase());
    assert_eq!(debian.run("cat /sys/block/xvda/ro"), "0");
    let login = debian.chaosd.output(&debian.name);
    assert!(login.contains("guest login:"), "{login:?}");
}

fn keeps_what_it_writes(debian: &Debian<'_>) {
    let sums = debian.run(
        "dd if=/dev/urandom of=/root/data bs=1M count=8 2>/dev/null && sync && \
         md5sum </root/data && echo 3 >/proc/sys/vm/drop_caches && md5sum </root/data",
    );
    let sums: Vec<&str> = sums.lines().collect();
    assert_eq!(sums.len(), 2, "{sums:?}");
    assert_eq!(sums[0], sums[1]);
}

/// A connection that is open goes on, and a file that is being written gets whole.
fn outlives_the_daemon(debian: &mut Debian<'_>) {
    let mut echo = debian.connect(ECHO, Duration::from_secs(10));
    let mut answers = BufReader::new(echo.try_clone().expect("a second handle"));
    let mut say = |text: &str| {
        writeln!(echo, "{text}").expect("said");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("an answer");
        assert_eq!(answer.trim(), text);
    };
    say("before");
    let mut writing = debian.connect(SHELL, Duration::from_secs(10));
    let command = "seq 1 200000 >/root/numbers && sync && md5sum </root/numbers\nexit\n";
    writing.write_all(command.as_bytes()).expect("asked");
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(300));
        debian.chaosd.kill_and_restart();
        say("after");
    }
    let mut sum = String::new();
    writing.read_to_string(&mut sum).expect("an answer");
    let expected = run("seq 1 200000 | md5sum");
    assert_eq!(sum.trim(), expected.trim());
    debian.run("echo 3 >/proc/sys/vm/drop_caches");
    assert_eq!(debian.run("md5sum </root/numbers"), expected.trim());
}

/// What it wrote is on the disk then.
fn ends_when_asked(debian: Debian<'_>, start: Start) {
    let sum = debian.run("md5sum </root/data");
    let Debian { chaosd, name, .. } = debian;
    let how = StopRequest { timeout_ms: Some(120_000), force: false };
    chaosd.client.poweroff(&name, &how).expect("it ends when asked");
    chaosd.wait_until_gone(&name);
    let disk = chaosd.path(&format!("debian-{start:?}.img").to_lowercase());
    let on_disk =
        run(&format!("debugfs -R 'cat /root/data' {} 2>/dev/null | md5sum", disk.display()));
    assert_eq!(on_disk.trim(), sum, "{start:?}");
    fs::remove_file(disk).expect("removed");
}
