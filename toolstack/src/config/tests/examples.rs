//! The examples that come with lightvm, and files as people have them.

use std::path::{Path, PathBuf};

use super::error;
use crate::config::{ConfigFormat, GuestConfig, GuestType, Loaded, Loader};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config").join(name)
}

fn xl(text: &str) -> Result<Loaded, crate::config::ConfigError> {
    Loader::new().parse("guest.cfg", ConfigFormat::Xl, text.as_bytes())
}

fn warned_keys(loaded: &Loaded) -> Vec<&str> {
    loaded.warnings.iter().map(|warning| warning.key.as_str()).collect()
}

#[test]
fn every_example_loads() {
    let folder = std::fs::read_dir(example("")).unwrap();
    let mut count = 0;
    for entry in folder {
        let path = entry.unwrap().path();
        GuestConfig::load(&path).unwrap_or_else(|error| panic!("{error}"));
        count += 1;
    }
    assert!(count >= 3);
}

#[test]
fn noop() {
    let loaded = GuestConfig::load(example("noop.toml")).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.guest_type(), Some(GuestType::Pvh));
    assert_eq!(loaded.config.memory().kib(), 4 << 10);
    assert!(loaded.config.kernel().is_absolute());
}

#[test]
fn linux_sets_every_key() {
    let loaded = GuestConfig::load(example("linux.toml")).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.to_toml().lines().count(), crate::config::Key::ALL.len());
}

#[test]
fn debian() {
    let loaded = GuestConfig::load(example("debian.cfg")).unwrap();
    assert_eq!(warned_keys(&loaded), ["nomigrate", "boot"]);
    assert_eq!(
        loaded.config.to_toml(),
        r#"name = "debian-1"
uuid = "3fb78ba6-8182-484c-b022-5ee0a8ebd2e5"
type = "pvh"
kernel = "/boot/vmlinuz"
ramdisk = "/boot/initrd.img"
cmdline = "root=/dev/ram0 rw elevator=noop console=hvc0 quiet"
memory = "512MiB"
max_memory = "1GiB"
vcpus = 2
max_vcpus = 4
cpus = ["0-1", "2,3"]
cpu_weight = 512
cap = 0
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "restart"
on_watchdog = "destroy"
on_soft_reset = "destroy"
tsc_mode = "native"
control = "auto"
hotplug_slots = 2
"#
    );
}

/// The shape of what an installer for PV guests writes: a disk and a boot loader on the host.
#[test]
fn a_host_side_boot_loader_is_refused_by_name() {
    let text = "
bootloader = 'pygrub'
vcpus      = '1'
memory     = '128'
root       = '/dev/xvda2 ro'
disk       = [
                 'phy:/dev/vg0/guest-disk,xvda2,w',
                 'phy:/dev/vg0/guest-swap,xvda1,w',
             ]
name       = 'guest'
dhcp       = 'dhcp'
vif        = [ 'mac=00:16:3E:12:34:56' ]
";
    let message = error(xl(text));
    let refused: Vec<_> = message.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(refused, ["bootloader:"]);
}

/// The shape of a virtual machine with a device model: that comes before its devices.
#[test]
fn an_hvm_guest_is_refused() {
    let text = "
name = 'win'
builder='hvm'
memory = 4096
vcpus=4
vif = ['bridge=xenbr0,mac=00:16:3e:00:00:01,model=e1000']
disk = ['file:/srv/win.img,hda,w','file:/srv/win.iso,hdc:cdrom,r']
boot='dc'
vnc=1
usbdevice='tablet'
";
    let message = error(xl(text));
    assert!(
        message.starts_with("guest.cfg:3:9: builder: hvm guests need a device model"),
        "{message}"
    );
}

/// Old files were Python; a parser's message should say so.
#[test]
fn python_is_refused_where_it_starts() {
    let message = error(xl("import os, re\narch = os.uname()[4]\n"));
    assert_eq!(
        message,
        "guest.cfg:1:8: expected = or += after the key, found the word `os`; text stands in quotes"
    );
    let message = error(xl("kernel = 'k'\nvif = [ 'ip=' + ip ]\n"));
    assert_eq!(
        message,
        "guest.cfg:2:15: `+` has no place here; an xl.cfg holds `key = value` lines, no Python, \
         and text stands in quotes"
    );
}

#[test]
fn a_unikernel_s_one_liner() {
    let loaded =
        xl("name=\"mini-os\"; kernel=\"mini-os.gz\"; memory=32; on_crash='preserve'; type='pv'")
            .unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.kernel(), Path::new("mini-os.gz"));
}
